import assert from "node:assert/strict";
import { test } from "node:test";
import {
	createUtf8Warnings,
	withReplacements,
} from "../../../src/http/utf8.ts";
import { recordingLog } from "../../support/agent.ts";

// what Go's utf8.DecodeRune makes of them: one U+FFFD for each byte
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
	test(`bytes that are no UTF-8 become U+FFFD: ${what}`, async () => {
		const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
		assert.equal((await withReplacements(bytes)).toString("utf8"), text);
	});

test("a client is named once an hour for each operation, with the number in between", () => {
	const { log, lines } = recordingLog();
	let now = 0;
	const warn = createUtf8Warnings({ log, now: () => now });
	warn("192.0.2.1", "runCheck");
	warn("192.0.2.1", "runCheck");
	warn("192.0.2.1", "runCheck");
	warn("192.0.2.2", "runCheck");
	now = 3_600_000;
	warn("192.0.2.1", "runCheck");
	const text = "the body is not UTF-8, its other bytes were replaced by U+FFFD";
	assert.deepEqual(lines, [
		`warning runCheck from 192.0.2.1: ${text}`,
		`warning runCheck from 192.0.2.2: ${text}`,
		`warning runCheck from 192.0.2.1: ${text} (3 times in the last 60 minutes)`,
	]);
});
