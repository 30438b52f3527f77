import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fittingText } from "../../../src/nrpe/text.ts";

const fitting = (text: string, limit: number, printed?: number) =>
	fittingText(Buffer.from(text), limit, printed).toString("utf8");

test("a text that fits is not changed", () => {
	for (const text of ["", "OK", "OK|a=1\nmore|b=2"])
		assert.equal(fitting(text, Buffer.byteLength(text)), text);
});

test("a cut text keeps the performance data, and says how long it was", () => {
	const text = `${"z".repeat(3_000)}|value=1 other=2;3`;
	const cut = fitting(text, 1_023);
	assert.equal(cut.length, 1_023);
	assert.match(cut, /^z{900,} \[cut, 3018 bytes\]\|value=1 other=2;3$/);
	assert.match(fitting("z".repeat(70_000), 1_023), /^z+ \[cut, 70000 bytes\]$/);
	// the agent kept only the beginning
	assert.equal(fitting("OK|a=1", 1_023, 9_999), "OK [cut, 9999 bytes]|a=1");
});

test("the text of further lines is cut before the first line, their data last", () => {
	const text = `OK|a=1\n${"line\n".repeat(300)}end|b=2\nc=3`;
	const cut = fitting(text, 200);
	assert.ok(cut.length <= 200);
	assert.match(
		cut,
		/^OK\|a=1\n(?:line\n)+l?i?n?e? \[cut, 1518 bytes\]\|b=2\nc=3$/,
	);
	assert.match(
		fitting(`OK\n${"é".repeat(300)}`, 101),
		/^OK\né+ \[cut, 603 bytes\]$/,
	);
});

test("no entry of performance data is cut, and none behind a cut one is kept", () => {
	const data = Array.from({ length: 400 }, (_, n) => `'my disk ${n}'=${n};1;2`);
	const cut = fitting(`${"t".repeat(500)}|${data.join(" ")}`, 1_023);
	const [text = "", kept = ""] = cut.split("|");
	assert.match(text, /^t{200,} \[cut, \d+ bytes\]$/);
	const entries = kept.match(/'[^']*'=\S+/g) ?? [];
	assert.ok(entries.length > 20);
	assert.deepEqual(entries, data.slice(0, entries.length));
	assert.equal(kept, entries.join(" "));
	// one that never fits
	assert.match(
		fitting(`OK|${"x".repeat(2_000)}=1`, 1_023),
		/^OK \[cut, 2005 bytes\]$/,
	);
});

test("whatever is cut fits, is UTF-8 and has the mark once", () => {
	const line = fc.string({ unit: "grapheme", maxLength: 60 });
	fc.assert(
		fc.property(
			fc.array(
				fc.oneof(line, fc.constantFrom("|", "\n", "'", " a=1 ", "|b=2")),
				{
					maxLength: 60,
				},
			),
			fc.integer({ min: 64, max: 300 }),
			(parts, limit) => {
				const text = Buffer.from(parts.join("")).toString("utf8");
				const cut = fittingText(Buffer.from(text), limit);
				assert.ok(cut.length <= limit, `${cut.length} of ${limit}`);
				const back = cut.toString("utf8");
				assert.ok(!back.includes("\ufffd") || text.includes("\ufffd"));
				if (Buffer.byteLength(text) > limit)
					assert.ok(back.includes(` [cut, ${Buffer.byteLength(text)} bytes]`));
				else assert.equal(back, text);
			},
		),
	);
});
