import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
	badDestinations,
	parseDestinations,
} from "../../../src/protocol/destinations.ts";
import { parseHop } from "../../../src/protocol/hop.ts";

const allows = (entries: readonly string[], hop: string) =>
	parseDestinations(entries).allows(parseHop(hop) ?? assert.fail(hop));

describe("proxy-destinations", () => {
	it("an empty list allows everything", () => {
		for (const hop of ["h", "10.1.2.3:1", "[::1]:1"])
			assert.ok(allows([], hop), hop);
	});

	const entries = [
		"10.0.0.0/8",
		"192.0.2.7",
		"2001:db8::/32",
		"::1",
		"Web01",
		"*.Example.com",
		"bare.example.net",
	];
	for (const hop of [
		"10.1.2.3:1",
		"192.0.2.7:65535",
		"[2001:db8:1::1]:1",
		"2001:db8::1",
		"::1",
		"[0:0:0:0:0:0:0:1]:1",
		"web01:1",
		"WEB01",
		"web01.",
		"a.example.com",
		"a.b.EXAMPLE.com.:1",
		"bare.example.net",
	])
		it(`${hop}: allowed`, () => assert.ok(allows(entries, hop)));
	for (const hop of [
		"11.1.2.3:1",
		"192.0.2.8",
		"[2001:db9::1]:1",
		"web02",
		"web01.example.org",
		"example.com",
		"badexample.com",
		"a.bare.example.net",
		"10.example.org",
	])
		it(`${hop}: refused`, () => assert.ok(!allows(entries, hop)));

	it("an IPv4 address mapped into IPv6 is the IPv4 address", () => {
		assert.ok(allows(["10.0.0.0/8"], "[::ffff:10.1.2.3]:1"));
		assert.ok(allows(["10.0.0.0/8"], "[::ffff:a01:203]:1"));
		assert.ok(!allows(["10.0.0.0/8"], "[::ffff:11.1.2.3]:1"));
	});

	it("names invalid entries", () => {
		assert.equal(badDestinations(entries), undefined);
		assert.equal(badDestinations([]), undefined);
		for (const bad of ["10.0.0.0/33", "*", "a.*", "h:1", "a b", "[::1]", "ü"])
			assert.match(
				badDestinations(["web01", bad]) ?? "",
				/^not an address, network or name: /,
				bad,
			);
	});
});
