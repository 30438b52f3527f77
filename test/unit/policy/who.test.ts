import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Caller } from "../../../src/policy/call.ts";
import { decide } from "../../../src/policy/decide.ts";
import { keyDigest, makeKey, sameDigests } from "../../../src/policy/key.ts";
import {
	addressBits,
	isInNetwork,
	NetworkIndex,
	networkOf,
} from "../../../src/policy/networks.ts";
import { parsePolicy } from "../../../src/policy/policy.ts";
import { parseAllowedHosts } from "../../../src/protocol/access.ts";

const nobody: Caller = {
	...{ isAdmin: false, address: undefined },
	...{ certificate: undefined, keyDigest: undefined },
};

const fingerprint = Array.from({ length: 32 }, () => "AB").join(":");

const certificate = {
	...{ uris: [], dns: [], emails: [] },
	...{ commonName: undefined, fingerprint256: "" },
};

/** Names that callers have by a policy. */
function whoOf(entries: string, keys = "{}") {
	const { policy } = parsePolicy(
		`version: 1\nwho: ${entries.replace(/\s+/g, " ")}\nkeys: ${keys}\nrules: []\n`,
	);
	return (caller: Partial<Caller>) =>
		decide(policy, { caller: { ...nobody, ...caller }, permission: "ping" })
			.who;
}

test("any verified certificate will do where its names do not matter", () => {
	const who = whoOf(`{
		any: { certificate: any },
		here: { address: 192.0.2.1, certificate: any },
		named: { address: 192.0.2.1, certificate: { cn: ops } },
	}`);
	const address = "192.0.2.1";
	assert.deepEqual(who({ address }), []);
	assert.deepEqual(who({ certificate }), ["any"]);
	assert.deepEqual(who({ address, certificate }), ["any", "here"]);
});

test("a certificate is compared by each kind of name", () => {
	const who = whoOf(`{
		uri: { certificate: { uri: "spiffe://example.net/a" } },
		dns: { certificate: { dns: [a.example.net, "*.b.example.net"] } },
		email: { certificate: { email: ops@Example.net } },
		cn: { certificate: { cn: ops } },
		fingerprint: { certificate: { fingerprint: ${fingerprint.toLowerCase().replaceAll(":", "")} } },
		two: { certificate: { cn: ops, dns: a.example.net } },
	}`);
	const whoHas = (names: Partial<typeof certificate> | object) =>
		who({ certificate: { ...certificate, ...names } });
	assert.deepEqual(whoHas({}), []);
	assert.deepEqual(whoHas({ uris: ["x:y", "spiffe://example.net/a"] }), [
		"uri",
	]);
	assert.deepEqual(whoHas({ uris: ["spiffe://example.net/a/b"] }), []);
	assert.deepEqual(whoHas({ uris: ["spiffe://example.net/A"] }), []);
	assert.deepEqual(whoHas({ dns: ["A.example.net"] }), ["dns"]);
	assert.deepEqual(whoHas({ dns: ["x.b.example.net"] }), ["dns"]);
	assert.deepEqual(whoHas({ dns: ["b.example.net"] }), []);
	assert.deepEqual(whoHas({ dns: ["x.y.b.example.net"] }), []);
	assert.deepEqual(whoHas({ dns: ["*.b.example.net", "*.example.net"] }), []);
	assert.deepEqual(whoHas({ dns: [".b.example.net"] }), []);
	assert.deepEqual(whoHas({ emails: ["ops@example.NET"] }), ["email"]);
	assert.deepEqual(whoHas({ emails: ["Ops@example.net"] }), []);
	assert.deepEqual(whoHas({ commonName: "ops" }), ["cn"]);
	assert.deepEqual(whoHas({ commonName: "ops", dns: ["a.example.net"] }), [
		...["cn", "dns", "two"],
	]);
	assert.deepEqual(whoHas({ fingerprint256: fingerprint }), ["fingerprint"]);
	// a name of one kind is none of another
	assert.deepEqual(whoHas({ dns: ["ops"], commonName: "a.example.net" }), []);
});

test("each key has its digests, of which any counts", () => {
	const [old, next] = [makeKey(), makeKey()];
	const who = whoOf(
		"{ a: { key: mine }, b: { key: [mine, other] }, c: { key: other } }",
		`{ mine: ["${keyDigest(old)}", "${keyDigest(next)}"], other: "${keyDigest("other")}" }`,
	);
	assert.deepEqual(who({ keyDigest: keyDigest(old) }), ["a", "b"]);
	assert.deepEqual(who({ keyDigest: keyDigest(next) }), ["a", "b"]);
	assert.deepEqual(who({ keyDigest: keyDigest("other") }), ["b", "c"]);
	for (const digest of [keyDigest(""), keyDigest(`${old}x`), "", old])
		assert.deepEqual(who({ keyDigest: digest }), []);
});

test("digests are the same only if all their words are", () => {
	const words = fc.int32Array({ minLength: 8, maxLength: 8 });
	fc.assert(
		fc.property(
			fc.array(words, { maxLength: 4 }),
			words,
			fc.nat(7),
			(others, digest, at) => {
				const near = Int32Array.from(digest);
				near[at] = (near[at] ?? 0) ^ 1;
				const all = [...others, digest, near];
				assert.deepEqual(
					sameDigests(
						Int32Array.from(all.flatMap((each) => [...each])),
						digest,
					),
					all.flatMap((each, index) =>
						each.every((word, at) => word === digest[at]) ? [index] : [],
					),
				);
			},
		),
	);
});

test("addresses are in the networks in which allowed-hosts has them", () => {
	const address = fc.oneof(
		fc.ipV4(),
		fc.ipV6(),
		fc.ipV4().map((text) => `::ffff:${text}`),
		fc.constantFrom(
			"::",
			"::1",
			"10.0.0.1",
			"10.0.0.2",
			"2001:db8::1",
			"fe80::1%eth0",
		),
	);
	const entry = fc
		.tuple(address, fc.option(fc.nat(128), { nil: undefined }))
		.map(([text, prefix]) =>
			prefix === undefined ? text : `${text}/${prefix}`,
		);
	fc.assert(
		fc.property(
			fc.array(entry, { minLength: 1, maxLength: 4 }),
			address,
			fc.nat(40),
			(entries, other, flip) => {
				const index = new NetworkIndex<string>();
				for (const text of entries) {
					const network = networkOf(text);
					if (network) index.add(network, text);
				}
				// near the edge of a network as well
				const near = entries[0]?.split("/")[0] ?? "";
				const changed = near.replace(/\d+$/, (last) =>
					String((Number(last) ^ (1 << (flip % 8))) % 256),
				);
				for (const text of [other, near, changed]) {
					const bits = addressBits(text);
					const found: string[] = [];
					if (bits) index.find(bits, (value) => found.push(value));
					const wanted = entries.filter(
						(each) =>
							networkOf(each) && parseAllowedHosts([each], []).allows(text),
					);
					assert.deepEqual(found.toSorted(), wanted.toSorted(), text);
					for (const each of entries) {
						const network = networkOf(each);
						if (network && bits)
							assert.equal(isInNetwork(bits, network), wanted.includes(each));
					}
				}
			},
		),
		{ numRuns: 1000 },
	);
});
