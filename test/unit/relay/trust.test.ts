import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type Hop, parseHop } from "../../../src/protocol/hop.ts";
import { badPins, type Trust, TrustError } from "../../../src/relay/trust.ts";
import { trusting } from "../../support/fetching.ts";
import { createPair } from "../../support/next-hop.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const hop = (text: string) => parseHop(text) ?? assert.fail(text);
const hex = "ab".repeat(32);
const colons = hex.toUpperCase().replace(/(..)(?!$)/g, "$1:");

const other = new X509Certificate(createPair().certificate);

/** The fingerprint that a hop must have, which the refusal of another certificate names. */
const wanted = (trust: Trust, to: Hop) => {
	const refused = trust.pin(to)?.(other);
	return refused && / is (\S+), not (\S+)$/.exec(refused)?.[2];
};

describe("trust", () => {
	it("nothing is verified by default", async () => {
		const trust = await trusting();
		assert.ok(trust.isUnverified);
		assert.deepEqual(trust.tls, { ca: [], rejectUnauthorized: false });
		assert.equal(trust.pin({ host: "h", port: 6777 }), undefined);
	});

	it("pins apply to host and port, in any spelling", async () => {
		const pair = new X509Certificate(createPair().certificate);
		const trust = await trusting({
			pins: [
				`h=${hex}`,
				`h:1=${colons.toLowerCase()}`,
				`[::1]:2=${colons}`,
				`::1=${pair.fingerprint256}`,
			],
		});
		const at = (host: string, port: number) => wanted(trust, { host, port });
		assert.equal(at("h", 6777), colons);
		assert.equal(at("h", 1), colons);
		assert.equal(at("h", 2), undefined);
		assert.equal(at("::1", 2), colons);
		assert.equal(at("::1", 6777), pair.fingerprint256);
	});

	it("pins ignore the letter case of names", async () => {
		const trust = await trusting({ pins: [`Web01=${hex}`] });
		for (const text of ["Web01", "web01", "WEB01:6777", "web01."])
			assert.equal(wanted(trust, hop(text)), colons, text);
	});

	it("pins apply to every spelling of an address", async () => {
		const trust = await trusting({
			pins: [`[::1]:1=${hex}`, `127.0.0.1:1=${hex}`],
		});
		for (const text of [
			"[::1]:1",
			"[0:0:0:0:0:0:0:1]:1",
			"[::0001]:1",
			"[::ffff:127.0.0.1]:1",
			"[::FFFF:7f00:1]:1",
		])
			assert.equal(wanted(trust, hop(text)), colons, text);
	});

	it("names invalid pins", async () => {
		for (const bad of ["", "h", `=${hex}`, `h=${hex}0`, "h=", `h:0=${hex}`]) {
			assert.match(badPins([bad]) ?? "", /^not HOST\[:PORT\]=SHA256: /, bad);
			await assert.rejects(trusting({ pins: [bad] }), TrustError);
		}
		assert.equal(badPins([`h=${hex}`]), undefined);
	});

	it("names unusable files with their setting", async (t) => {
		const directory = await temporaryDirectory(t);
		const file = (name: string) => join(directory, name);
		const pair = createPair();
		await writeFile(file("cert"), pair.certificate);
		await writeFile(file("key"), pair.privateKey);
		const caFile = file("none");
		await assert.rejects(trusting({ caFile }), {
			name: "TrustError",
			message: `proxy-ca-file ${caFile}: no such file or directory`,
		});
		for (const one of [
			{ certificateFile: file("cert") },
			{ keyFile: file("key") },
		])
			await assert.rejects(trusting(one), /only one of the two is set/);
		const both = { certificateFile: file("cert"), keyFile: file("key") };
		const trust = await trusting({ ...both, caFile: file("cert") });
		assert.ok(!trust.isUnverified);
		assert.equal(trust.tls.rejectUnauthorized, true);
		assert.equal(String(trust.tls.cert), pair.certificate);
	});

	it("names files that TLS cannot use at startup, not at the first request", async (t) => {
		const directory = await temporaryDirectory(t);
		const put = async (name: string, text: string) => {
			await writeFile(join(directory, name), text);
			return join(directory, name);
		};
		const pair = createPair();
		const junk = await put("junk", "junk\n");
		const cert = await put("cert", pair.certificate);
		const other = await put("other", createPair().privateKey);
		const complaint = async (settings: Parameters<typeof trusting>[0]) => {
			const error = await trusting(settings).catch((error) => error);
			assert.ok(error instanceof TrustError);
			return error.message;
		};
		assert.equal(
			await complaint({ caFile: junk }),
			`proxy-ca-file ${junk}: no certificate (PEM)`,
		);
		assert.equal(
			await complaint({ certificateFile: junk, keyFile: other }),
			`proxy-certificate ${junk}: no certificate (PEM)`,
		);
		assert.equal(
			await complaint({ certificateFile: cert, keyFile: junk }),
			`proxy-private-key ${junk}: no private key (PEM) without a passphrase`,
		);
		assert.equal(
			await complaint({ certificateFile: cert, keyFile: other }),
			`proxy-private-key ${other}: does not belong to the certificate ${cert}`,
		);
	});
});
