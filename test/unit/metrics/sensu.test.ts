import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseGoFloat } from "../../../src/metrics/go-number.ts";
import { parseSensuLine, parseSensuLines } from "../../../src/metrics/sensu.ts";

const good = (name: string, value: number, timestamp: number) => ({
	name,
	value,
	timestamp,
});

const lines: readonly [string, ReturnType<typeof parseSensuLine>][] = [
	["a\t1\t5", good("a", 1, 5)],
	["a 1 5", good("a", 1, 5)],
	["a  1 \t 5", good("a", 1, 5)],
	["a\t1\t5\r", good("a", 1, 5)],
	[" a\t1\t5 ", good("a", 1, 5)],
	["\ta\t1\t5\t", good("a", 1, 5)],
	["a\t 1 \t5", good("a", 1, 5)],
	["disk free\t1\t5", good("disk free", 1, 5)],
	["__proto__ 1 5", good("__proto__", 1, 5)],
	["日本.é\t1\t5", good("日本.é", 1, 5)],
	["a 1 -5", good("a", 1, -5)],
	["a 1 +5", good("a", 1, 5)],
	["a 1 007", good("a", 1, 7)],
	["a 1 -0", good("a", 1, 0)],
	["a -0 5", good("a", 0, 5)],
	["a 1e-400 5", good("a", 0, 5)],
	["a 1 9007199254740991", good("a", 1, 9007199254740991)],
	["", undefined],
	["   ", undefined],
	["two\tfields", undefined],
	["four\t1\t2\t3", undefined],
	["a line of many words", undefined],
	["a 1 5 x", undefined],
	["a NaN 5", { reason: "the value is NaN" }],
	["a nan 5", { reason: "the value is NaN" }],
	["a Inf 5", { reason: "the value is infinite" }],
	["a +Inf 5", { reason: "the value is infinite" }],
	["a -infinity 5", { reason: "the value is infinite" }],
	["a 1e400 5", { reason: "the value is out of range" }],
	["a -0x1p99999 5", { reason: "the value is out of range" }],
	["a\t\t5", { reason: "the value is not a number" }],
	["a one 5", { reason: "the value is not a number" }],
	["a 1,5 5", { reason: "the value is not a number" }],
	["\t1\t5", { reason: "the name is empty" }],
	["a 1 12.5", { reason: "the timestamp is not a whole number of seconds" }],
	["a 1 1e3", { reason: "the timestamp is not a whole number of seconds" }],
	["a 1 1_0", { reason: "the timestamp is not a whole number of seconds" }],
	["a\t1\t", { reason: "the timestamp is not a whole number of seconds" }],
	["a 1 9007199254740992", { reason: "the timestamp is out of range" }],
	["a 1 -9223372036854775808", { reason: "the timestamp is out of range" }],
];

test("a line is a figure, free text, or bad with a reason", () => {
	for (const [line, expected] of lines)
		assert.deepEqual(parseSensuLine(line), expected, JSON.stringify(line));
});

// what Go's strconv.ParseFloat answers, asked of Go 1.19
const numbers: readonly [string, number][] = [
	["42", 42],
	["-0.25", -0.25],
	["+1", 1],
	[".5", 0.5],
	["5.", 5],
	["1e5", 1e5],
	["1E+21", 1e21],
	["1_000", 1000],
	["1_23.50_0_0e+1_2", 1.235e14],
	["0x1p-2", 0.25],
	["0X1.8P1", 3],
	["-0x.8p0", -0.5],
	["0x_1_2.3_4_5p+1_2", 74565],
	["0x1p-1074", 5e-324],
	["0x1p-1075", 0],
	["0x1.8p-1075", 5e-324],
	["0x1.fffffffffffffp1023", Number.MAX_VALUE],
	["0x1.fffffffffffff7fffp1023", Number.MAX_VALUE],
	["0x1.fffffffffffff8p1023", Number.POSITIVE_INFINITY],
	[`0x1.00000000000008${"0".repeat(9999)}1p0`, 1 + Number.EPSILON],
	["0x1.00000000000008p0", 1],
	["0x0p99999999", 0],
	["1.00000000000000033306690738754696212708950042724609375", 1 + 2 ** -51],
	...[
		"",
		".",
		"+",
		"e5",
		"1e",
		"1e+",
		"0x10",
		"0x",
		"0xp1",
		"0x.p1",
		"1p5",
		"_1",
		"1_",
		"1__2",
		"1_.5",
		"1._5",
		"1_e5",
		"1e_5",
		"0x1_p1",
		"0x1p_1",
		"--1",
		"1 2",
		" 5",
		"0b1",
		"0o7",
		"1f",
		"٣",
	].map((text): [string, number] => [text, Number.NaN]),
];

test("numbers are those of Go", () => {
	for (const [text, expected] of numbers)
		assert.equal(parseGoFloat(text), expected, text.slice(0, 60));
});

test("a line of a million characters does no harm", () => {
	for (const field of ["1", "1_", "0xa_", ".", "e1", "\t", " "]) {
		const long = field.repeat(500_000);
		parseSensuLines(`a\t${long}\t${long}\n${long}`);
	}
});

test("an output has the latest timestamp, and the last value of a name", () => {
	assert.deepEqual(
		parseSensuLines("a 1 7\r\nhello\nb\t2\t9\r\na\t3\t8\n\nc x 99\n"),
		{
			metrics: { a: 3, b: 2 },
			timestamp: 9,
			bad: [{ line: 6, text: "c x 99", reason: "the value is not a number" }],
		},
	);
	assert.deepEqual(parseSensuLines(""), { metrics: {}, timestamp: 0, bad: [] });
	assert.equal(parseSensuLines("a 1 -5").timestamp, 0);
	assert.equal(
		JSON.stringify(parseSensuLines("__proto__ 1 5\nconstructor 2 5").metrics),
		'{"__proto__":1,"constructor":2}',
	);
});

const pieces = fc.constantFrom(
	..."ab \t\r\n0123456789+-._eExXpP\0é😀\ud800",
	"\n",
	"NaN",
	"1e400",
	" 1 5\n",
);
const anyText = fc.oneof(
	fc.string({ unit: "binary", maxLength: 200 }),
	fc.array(pieces, { maxLength: 80 }).map((parts) => parts.join("")),
);

test("any text: nothing is thrown, each bad line is named, and all fits into JSON", () => {
	fc.assert(
		fc.property(anyText, (text) => {
			const output = parseSensuLines(text);
			const printed = text.split("\n");
			for (const { line, text, reason } of output.bad) {
				assert.equal(printed[line - 1]?.replace(/\r$/, ""), text);
				assert.deepEqual(parseSensuLine(text), { reason });
			}
			const bad = new Set(output.bad.map(({ line }) => line));
			for (const [index, line] of printed.entries()) {
				const read = parseSensuLine(line);
				assert.equal(
					bad.has(index + 1),
					read !== undefined && "reason" in read,
				);
			}
			assert.ok(
				Number.isSafeInteger(output.timestamp) && output.timestamp >= 0,
			);
			assert.deepEqual(JSON.parse(JSON.stringify(output)), output);
		}),
		{ numRuns: 2000 },
	);
});

const name = fc
	.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 20 })
	.filter((text) => text === text.trim() && text !== "");
const figure = fc.record({
	name,
	value: fc.double({ noNaN: true, noDefaultInfinity: true }),
	timestamp: fc.maxSafeNat(),
});
const figures = fc.array(figure, { minLength: 1, maxLength: 20 });

test("what is well formed comes back, whatever stands between", () => {
	const noise = fc.constantFrom(
		undefined,
		"some free text here",
		"bad\tvalue\t5",
		"bad\t5\tsoon",
		"bad NaN 5",
		"",
	);
	fc.assert(
		fc.property(figures, fc.infiniteStream(noise), (given, between) => {
			const printed: string[] = [];
			for (const { name, value, timestamp } of given) {
				printed.push(`${name}\t${value}\t${timestamp}`);
				const line = between.next().value;
				if (line !== undefined) printed.push(line);
			}
			const output = parseSensuLines(`${printed.join("\n")}\n`);
			assert.deepEqual(
				output.metrics,
				Object.fromEntries(given.map(({ name, value }) => [name, value || 0])),
			);
			assert.equal(
				output.timestamp,
				Math.max(...given.map(({ timestamp }) => timestamp)),
			);
			assert.equal(
				output.bad.length,
				printed.filter(
					(line) => /^bad[\t ]/.test(line) && /(value|soon|NaN)/.test(line),
				).length,
			);
		}),
		{ numRuns: 2000 },
	);
});
