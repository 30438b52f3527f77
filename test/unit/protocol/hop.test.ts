import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { hopText, parseHop } from "../../../src/protocol/hop.ts";

describe("a hop", () => {
	for (const [text, host, port] of [
		["web01", "web01", 6777],
		["web01:1", "web01", 1],
		["web_01.example.com:65535", "web_01.example.com", 65_535],
		["web01.example.com.", "web01.example.com", 6777],
		["127.0.0.1", "127.0.0.1", 6777],
		["127.0.0.1:6778", "127.0.0.1", 6778],
		["::1", "::1", 6777],
		["2001:db8::1:80", "2001:db8::1:80", 6777],
		["[::1]", "::1", 6777],
		["[::1]:16777", "::1", 16_777],
		["[::ffff:127.0.0.1]:80", "127.0.0.1", 80],
		["[::ffff:a01:203]:80", "10.1.2.3", 80],
		["[0:0:0:0:0:0:0:1]:80", "::1", 80],
		["2001:DB8::0001", "2001:db8::1", 6777],
		["Web01.Example.COM:80", "web01.example.com", 80],
		["1a:80", "1a", 80],
		["4.example", "4.example", 6777],
		["h:", "h", 6777],
		["h:+123", "h", 123],
		["h:0123", "h", 123],
		[" h:6777\t", "h", 6777],
		[" 2001:db8::1 ", "2001:db8::1", 6777],
		["[::1]:", "::1", 6777],
	] as const)
		it(`${text}: host ${host}, port ${port}`, () =>
			assert.deepEqual(parseHop(text), { host, port }));

	for (const text of [
		"0x7f.1",
		"0x7f000001:80",
		"127.1",
		"web.0x1",
		"",
		" ",
		":",
		":6777",
		"h:abc",
		"h: 123",
		"h:1:2",
		"h:0",
		"h:-1",
		"h:65536",
		"h:99999",
		"h:1e3",
		"h:123456789012",
		"h :1",
		"h:1\n",
		"h\0:1",
		"user@h:1",
		"user:password@h:1",
		"https://h:1",
		"h/path?",
		"h?x",
		"h#x",
		"h%41",
		"-h",
		".h",
		"h..h",
		"*",
		"h,h",
		"[::1",
		"::1]",
		"[::1]:0",
		"[::1]x",
		"[::1%lo]",
		"::1%lo",
		"fe80::1%eth0",
		"[]",
		"[127.0.0.1]:1",
		"[h]:1",
		"::1:99999",
		"127.1",
		"127.0.0.1.1",
		"256.1.1.1",
		"2130706433",
		"0127.0.0.1",
		"höst",
		"a".repeat(64),
		`${"a.".repeat(127)}aa`,
	])
		it(`${JSON.stringify(text.slice(0, 40))} is not a hop`, () =>
			assert.equal(parseHop(text), undefined));

	it("a formatted hop parses back", () => {
		for (const text of [
			"h:1",
			"127.0.0.1:6777",
			"[::1]:1",
			"[2001:db8::1]:6777",
		])
			assert.equal(hopText(parseHop(text) ?? assert.fail(text)), text);
		assert.equal(hopText({ host: "::1", port: 6777 }), "[::1]:6777");
	});

	it("a parsed hop never contains anything that a URL or a header could misread", () => {
		const pieces = fc.constantFrom(
			..."a 1 : . [ ] @ / ? # % - _ \\ \r \n \t ::1 127.0.0.1 65535 ü".split(
				" ",
			),
		);
		const texts = fc.oneof(
			fc.string({ unit: "binary" }),
			fc.array(pieces).map((some) => some.join("")),
		);
		fc.assert(
			fc.property(texts, (text) => {
				const hop = parseHop(text);
				if (!hop) return;
				assert.match(hop.host, /^[A-Za-z0-9_.:-]+$/);
				assert.ok(hop.port >= 1 && hop.port <= 65_535);
				assert.deepEqual(parseHop(hopText(hop)), hop);
			}),
			{ numRuns: 2000 },
		);
	});
});

it("text far longer than any name is refused before it is scanned", () => {
	assert.deepEqual(parseHop(`${" ".repeat(700)}web01${" ".repeat(200)}`), {
		host: "web01",
		port: 6777,
	});
	assert.equal(parseHop(`a${" ".repeat(1_000)}`), undefined);
});
