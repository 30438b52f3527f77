import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
	AccessError,
	parseAllowedHosts,
} from "../../../src/protocol/access.ts";

type Row = [entries: string[], peer: string | undefined, allowed: boolean];

const rows: Row[] = [
	// loopback: these two always, others never by themselves
	[[], "127.0.0.1", true],
	[[], "::1", true],
	[[], "0:0:0:0:0:0:0:1", true],
	[[], "::ffff:127.0.0.1", true],
	[[], "::ffff:7f00:1", true],
	[[], "127.0.0.2", false],
	[[], "::ffff:127.0.0.2", false],
	[[], "::", false],
	[[], "::127.0.0.1", false],
	[["10.0.0.0/8"], "127.0.0.1", true],
	// not an address
	[["0.0.0.0/0", "::/0"], undefined, false],
	[["0.0.0.0/0", "::/0"], "", false],
	[["0.0.0.0/0", "::/0"], "localhost", false],
	[["0.0.0.0/0", "::/0"], "10.0.0.1, 127.0.0.1", false],
	// addresses
	[["192.0.2.7"], "192.0.2.7", true],
	[["192.0.2.7"], "192.0.2.8", false],
	[["192.0.2.7"], "::ffff:192.0.2.7", true],
	[["192.0.2.7"], "::ffff:c000:207", true],
	[["192.0.2.7"], "0:0:0:0:0:FFFF:C000:0207", true],
	[["2001:db8::1"], "2001:DB8:0:0:0:0:0:1", true],
	[["2001:db8::1"], "2001:db8::2", false],
	// networks, with host bits set or not
	[["10.0.0.0/8"], "10.255.0.1", true],
	[["10.0.0.0/8"], "11.0.0.1", false],
	[["10.20.30.40/8"], "10.1.1.1", true],
	[["192.0.2.7/32"], "192.0.2.7", true],
	[["192.0.2.4/30"], "192.0.2.7", true],
	[["192.0.2.4/30"], "192.0.2.8", false],
	[["2001:db8::/32"], "2001:db8:ffff::1", true],
	[["2001:db8::/32"], "2001:db9::1", false],
	[["2001:db8:ff00::/41"], "2001:db8:ff7f::1", true],
	[["2001:db8:ff00::/41"], "2001:db8:ff80::1", false],
	[["2001:db8::5/64"], "2001:db8::9", true],
	// the families do not match each other
	[["::/0"], "2001:db8::1", true],
	[["::/0"], "192.0.2.7", false],
	[["::/0"], "::ffff:192.0.2.7", false],
	[["::/0"], "::ffff:c000:207", false],
	[["0.0.0.0/0"], "192.0.2.7", true],
	[["0.0.0.0/0"], "::ffff:192.0.2.7", true],
	[["0.0.0.0/0"], "2001:db8::1", false],
	[["0.0.0.0/0"], "::c000:207", false],
	// mapped entries are IPv4 entries
	[["::ffff:127.0.0.2"], "127.0.0.2", true],
	[["::ffff:127.0.0.2"], "::ffff:127.0.0.2", true],
	[["::ffff:7f00:2"], "127.0.0.2", true],
	[["::ffff:10.0.0.0/104"], "10.9.9.9", true],
	[["::ffff:10.0.0.0/104"], "11.0.0.1", false],
	[["::ffff:0:0/96"], "192.0.2.7", true],
	[["::ffff:0:0/96"], "2001:db8::1", false],
	[["::ffff:0:0/95"], "192.0.2.7", false],
	// zones of peers
	[["fe80::/10"], "fe80::1%eth0", true],
	[["fe80::1"], "fe80::1%br_lan", true],
	[["fe80::2"], "fe80::1%eth0", false],
	// several entries, blanks, empty entries
	[["192.0.2.1", "2001:db8::/32"], "2001:db8::1", true],
	[[" 192.0.2.1\t"], "192.0.2.1", true],
	[["", "  "], "192.0.2.1", false],
];

for (const [entries, peer, allowed] of rows)
	test(`allowed-hosts [${entries}] ${allowed ? "lets" : "does not let"} ${peer} in`, () => {
		assert.equal(parseAllowedHosts(entries).allows(peer), allowed);
	});

const badEntries = [
	"10.0.0/8",
	"10.0.0.0/33",
	"10.0.0.0/-1",
	"10.0.0.0/08",
	"10.0.0.0/",
	"10.0.0.0/8/8",
	"10.0.0.0/255.0.0.0",
	"10.0.0.0/8.0",
	"10.0.0.0 /8",
	"10.0.0.0/0x8",
	"010.0.0.1",
	"10.0.0.256",
	"1",
	"2001:db8::/129",
	"::ffff:10.0.0.0/129",
	"2001:db8::/1e1",
	"2001:db8",
	"[::1]",
	"fe80::1%eth0",
	"fe80::%eth0/64",
	"localhost",
	"monitor.example.com",
	"10.0.0.1;10.0.0.2",
	"10.0.0.1:6777",
	"*",
	"/8",
];

for (const entry of badEntries)
	test(`${entry} is not a valid entry of allowed-hosts`, () => {
		assert.throws(
			() => parseAllowedHosts([entry]),
			new AccessError(`allowed-hosts: not an address or network: ${entry}`),
		);
	});

test("all bad entries are reported at once", () => {
	assert.throws(
		() => parseAllowedHosts(["10.0.0/8", "192.0.2.1", " web1 "]),
		(error) =>
			error instanceof AccessError &&
			error.message ===
				"allowed-hosts: not an address or network: 10.0.0/8, web1",
	);
});

const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));

/** The definition: two addresses are in one network if their first `prefix` bits agree. */
function agree(one: number[], other: number[], prefix: number): boolean {
	const digits = (bytes: number[]) =>
		bytes.map((byte) => byte.toString(2).padStart(8, "0")).join("");
	return digits(one).slice(0, prefix) === digits(other).slice(0, prefix);
}

/** A peer that often shares leading bytes with the network. */
const networkAndPeer = fc
	.tuple(octets, octets, fc.nat(4), fc.nat(32))
	.map(([network, random, shared, prefix]) => ({
		network,
		peer: [...network.slice(0, shared), ...random.slice(shared)],
		prefix,
	}));

test("IPv4 networks match by their leading bits, mapped or not", () => {
	fc.assert(
		fc.property(networkAndPeer, ({ network, peer, prefix }) => {
			const text = peer.join(".");
			fc.pre(text !== "127.0.0.1");
			const expected = agree(network, peer, prefix);
			const mapped = `::ffff:${network.join(".")}/${prefix + 96}`;
			for (const entry of [`${network.join(".")}/${prefix}`, mapped]) {
				const access = parseAllowedHosts([entry]);
				assert.equal(access.allows(text), expected);
				assert.equal(access.allows(`::ffff:${text}`), expected);
			}
		}),
		{ numRuns: 1000 },
	);
});

test("IPv6 networks match by their leading bits", () => {
	const bytes = fc.array(fc.nat(255), { minLength: 16, maxLength: 16 });
	const spell = (address: number[]) =>
		Buffer.from(address).toString("hex").match(/.{4}/g)?.join(":");
	fc.assert(
		fc.property(
			bytes,
			bytes,
			fc.nat(16),
			fc.nat(128),
			(network, random, shared, prefix) => {
				const peer = [...network.slice(0, shared), ...random.slice(shared)];
				fc.pre(!spell(peer)?.startsWith("0000:0000:0000:0000:0000:"));
				fc.pre(!spell(network)?.startsWith("0000:0000:0000:0000:0000:ffff"));
				assert.equal(
					parseAllowedHosts([`${spell(network)}/${prefix}`]).allows(
						spell(peer),
					),
					agree(network, peer, prefix),
				);
			},
		),
		{ numRuns: 1000 },
	);
});
