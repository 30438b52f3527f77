import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AgentError } from "../../../src/agent-error.ts";
import { statusOf } from "../../../src/http/errors.ts";
import {
	createUtf8Warnings,
	fieldName,
	parseBody,
	shown,
	withReplacements,
} from "../../../src/http/json.ts";
import { recordingLog } from "../../support/agent.ts";

/** The detail of the 400 for a body. */
async function refusal(text: string | Buffer): Promise<string> {
	try {
		await parseBody(Buffer.from(text as string));
	} catch (error) {
		assert.ok(error instanceof AgentError);
		assert.equal(statusOf(error.code), 400);
		return error.message;
	}
	assert.fail(`accepted: ${text}`);
}

test("parses any JSON", async () => {
	await fc.assert(
		fc.asyncProperty(
			fc.jsonValue().filter((value) => value !== null),
			async (value) => {
				const text = JSON.stringify(value);
				fc.pre(!text.includes("\\u0000"));
				assert.deepEqual(await parseBody(Buffer.from(text)), JSON.parse(text));
			},
		),
	);
});

test("an empty body and null are absent", async () => {
	assert.equal(await parseBody(Buffer.alloc(0)), undefined);
	assert.equal(await parseBody(Buffer.from(" null\n")), undefined);
});

test("refuses invalid JSON without quoting it", async () => {
	for (const text of [
		"{",
		'{"apikey":"secret"',
		'{"apikey":"secret"} {"a":1}',
		"{'apikey':'secret'}",
		'\ufeff{"apikey":"secret"}',
		'{"apikey":"sec\nret"}',
		"01",
		" ",
	]) {
		assert.match(await refusal(text), /^body: not a JSON document/);
		assert.doesNotMatch(await refusal(text), /sec/);
	}
	assert.match(await refusal('{"a":1}}'), /\(at character 7\)/);
});

test("reads bytes that are not UTF-8 as U+FFFD, and reports them", async () => {
	let times = 0;
	const text = Buffer.from([0x22, 0xff, 0x22]);
	assert.equal(
		await parseBody(text, { onReplaced: () => times++ }),
		"\u{fffd}",
	);
	await parseBody(Buffer.from('"\u{fffd}"'), { onReplaced: () => times++ });
	assert.equal(times, 1);
});

test("refuses NUL in any string or name, and names the field", async () => {
	assert.equal(
		await refusal('{"a":"x\\u0000"}'),
		"a: contains a NUL character",
	);
	assert.equal(
		await refusal('{"m":[{"a":1},{"h":["\\u0000"]}]}'),
		"m[1].h[0]: contains a NUL character",
	);
	assert.match(
		await refusal('{"m":{"a\\u0000b":1}}'),
		/^m\.a\\0b: contains a NUL/,
	);
	// the six characters of an escape are not a NUL
	assert.deepEqual(await parseBody(Buffer.from('{"a":"\\\\u0000"}')), {
		a: "\\u0000",
	});
});

test("a name like __proto__ is ordinary", async () => {
	const value = await parseBody(Buffer.from('{"__proto__":{"x":1},"y":2}'));
	assert.equal((value as { x?: number }).x, undefined);
	assert.equal(Object.getPrototypeOf(value), Object.prototype);
});

test("allows a hundred levels; brackets in strings do not count", async () => {
	const nested = (levels: number) =>
		`${"[".repeat(levels)}${"]".repeat(levels)}`;
	await parseBody(Buffer.from(nested(100)));
	assert.equal(await refusal(nested(101)), "body: more than 100 levels deep");
	assert.match(await refusal(`{"a":${nested(100)}}`), /levels/);
	const text = JSON.stringify({ a: "[{\\".repeat(1000), b: ['"]}', "\\"] });
	await parseBody(Buffer.from(text));
	// an escape and a string that span two turns
	for (const shift of [0, 1, 2]) {
		const long = "x".repeat(1024 * 1024 - 5 + shift);
		const value = { a: `${long}"[`, b: [[`${long}\\`, "["]] };
		assert.deepEqual(
			await parseBody(Buffer.from(JSON.stringify(value))),
			value,
		);
	}
});

test("parsing a large list in slices gives the same as JSON.parse", async () => {
	const items = Array.from({ length: 40_000 }, (_, n) => ({
		n,
		text: `,"[{\\${n}日本`,
		deep: [[n], {}],
	}));
	const text = JSON.stringify({ a: 1, list: items, b: [2] }, undefined, 1);
	assert.ok(text.length > 1024 * 1024);
	assert.deepEqual(await parseBody(Buffer.from(text)), JSON.parse(text));
	const broken = [
		text.replace('"n": 20000,', '"n": 20000,,'),
		text.replace('"n": 39999,', "n: 39999,"),
		text.replace(/\{\s*"n": 20000,/, ",$&"),
		text.replace('"b"', '"b" 1'),
		text.slice(0, -1),
		`${text}]`,
	];
	for (const other of broken) {
		assert.notEqual(other, text);
		assert.throws(() => JSON.parse(other));
		assert.match(await refusal(other), /^body: not a JSON document/);
	}
	const nul = text.replace("39999日本", "\\u0000");
	assert.equal(
		await refusal(nul),
		"list[39999].text: contains a NUL character",
	);
});

test("formats field names as in code", () => {
	assert.equal(fieldName([]), "body");
	assert.equal(fieldName(["a"]), "a");
	assert.equal(
		fieldName(["metric_data", "3", "metrics", "x.y"]),
		"metric_data[3].metrics.x.y",
	);
});

test("shortens values", () => {
	assert.equal(shown(5), "5");
	assert.equal(shown(null), "null");
	assert.equal(shown("a"), '"a"');
	assert.equal(shown([1]), "an array");
	assert.equal(shown({}), "an object");
	assert.equal(shown("x".repeat(100)).length < 100, true);
	assert.match(shown("x".repeat(100)), /\(100 characters\)$/);
});

test("a string with escapes may span two turns", async () => {
	const mebibyte = 1024 * 1024;
	for (let before = mebibyte - 30; before < mebibyte; before++) {
		const text = `{"list":["${"x".repeat(before)}\\\\\\"],[","y"],"last":{"a":[1]}}`;
		assert.deepEqual(await parseBody(Buffer.from(text)), JSON.parse(text));
	}
});

// like Go's utf8.DecodeRune: one U+FFFD for each byte
for (const [what, hex, text] of [
	["Latin-1", "4de9706e6f6e", "M\u{fffd}pnon"],
	["Shift-JIS", "8365835883 67", "\u{fffd}e\u{fffd}X\u{fffd}g"],
	["a sequence cut short", "e38141", "\u{fffd}\u{fffd}A"],
	["one at the end", "41f09f98", "A\u{fffd}\u{fffd}\u{fffd}"],
	["more bytes than needed", "c0af", "\u{fffd}\u{fffd}"],
	["half of a surrogate pair", "eda080", "\u{fffd}\u{fffd}\u{fffd}"],
	["beyond the last character", "f4908080", "\u{fffd}".repeat(4)],
	["good ones", "c3a9e38182f09f9880f48fbfbf", "éあ😀\u{10ffff}"],
] as const)
	test(`replaces invalid UTF-8 by U+FFFD: ${what}`, async () => {
		const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
		assert.equal((await withReplacements(bytes)).toString("utf8"), text);
	});

test("logs a client once an hour for each operation, with a count", () => {
	const { log, lines } = recordingLog();
	let now = 0;
	const warn = createUtf8Warnings({ log, now: () => now });
	warn("192.0.2.1", "runCheck");
	warn("192.0.2.1", "runCheck");
	warn("192.0.2.1", "runCheck");
	warn("192.0.2.2", "runCheck");
	now = 3_600_000;
	warn("192.0.2.1", "runCheck");
	const text = "the body is not UTF-8, invalid bytes were replaced by U+FFFD";
	assert.deepEqual(lines, [
		`warning runCheck from 192.0.2.1: ${text}`,
		`warning runCheck from 192.0.2.2: ${text}`,
		`warning runCheck from 192.0.2.1: ${text} (3 times in the last 60 minutes)`,
	]);
});
