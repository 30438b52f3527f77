import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
	latestTimestamp,
	maxLineCharacters,
	parseGoFloat,
	parseSensuLine,
	parseSensuLines,
} from "../../../src/protocol/sensu.ts";

/** 2026-11-29, in seconds; a day later is the latest timestamp allowed. */
const now = 1_795_910_400;
const latest = latestTimestamp(now * 1000);
const unknown = { reason: "not three fields", isUnknown: true } as const;

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
	["a 1 -9007199254740991", good("a", 1, -9007199254740991)],
	[`a 1 ${now + 86_400}`, good("a", 1, now + 86_400)],
	["a#b 1 5", good("a#b", 1, 5)],
	["", undefined],
	["   ", undefined],
	["\r", undefined],
	["# a comment of many words", undefined],
	["#a\t1\t5", undefined],
	[" \t# a 1 5", undefined],
	["two\tfields", unknown],
	["missing.time 5", unknown],
	["four\t1\t2\t3", unknown],
	["a line of many words", unknown],
	["name with blank 1 5", unknown],
	["a 1 5 x", unknown],
	["a 1 5\rb 2 6", unknown],
	["servers.web.load;tag=a", unknown],
	[
		`a 1 ${now + 86_401}`,
		{ reason: "the timestamp is more than a day in the future" },
	],
	[
		`a 1 ${now}000`,
		{ reason: "the timestamp is in milliseconds, not in seconds" },
	],
	[
		"a 1 9007199254740991",
		{ reason: "the timestamp is more than a day in the future" },
	],
	["a\0b 1 5", { reason: "the line has a NUL character" }],
	[
		`${"x".repeat(maxLineCharacters)} 1 5`,
		{ reason: "the line is longer than 65536 characters" },
	],
	["a NaN 5", { reason: "the value is NaN" }],
	["a nan 5", { reason: "the value is NaN" }],
	["a Inf 5", { reason: "the value is infinite" }],
	["a +Inf 5", { reason: "the value is infinite" }],
	["a -infinity 5", { reason: "the value is infinite" }],
	["a 1e400 5", { reason: "the value is out of range" }],
	["a 0x1p-2 5", { reason: "the value is not a number" }],
	["a -0x1p99999 5", { reason: "the value is not a number" }],
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

test("a line is a value, free text, or bad with a reason", () => {
	for (const [line, expected] of lines)
		assert.deepEqual(
			parseSensuLine(line, latest),
			expected,
			JSON.stringify(line.slice(0, 100)),
		);
});

// results of Go 1.19's strconv.ParseFloat, except for hexadecimal numbers
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
	["1.00000000000000033306690738754696212708950042724609375", 1 + 2 ** -51],
	...[
		"",
		".",
		"+",
		"e5",
		"1e",
		"1e+",
		"0x10",
		"0x1p-2",
		"0X1.8P1",
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

test("decimal numbers are parsed like Go's", () => {
	for (const [text, expected] of numbers)
		assert.equal(parseGoFloat(text), expected, text.slice(0, 60));
});

test("a line of a million characters does no harm", () => {
	for (const field of ["1", "1_", "0xa_", ".", "e1", "\t", " "]) {
		const long = field.repeat(500_000);
		parseSensuLines(`a\t${long}\t${long}\n${long}`, latest);
	}
});

test("with a clock that was never set only milliseconds are refused", () => {
	const unset = latestTimestamp(3_600_000);
	assert.deepEqual(parseSensuLine(`a 1 ${now}`, unset), good("a", 1, now));
	assert.deepEqual(parseSensuLine(`a 1 ${now}000`, unset), {
		reason: "the timestamp is in milliseconds, not in seconds",
	});
	// an hour behind the line's timestamp, as with a mixed-up time zone
	const behind = latestTimestamp((now - 3600) * 1000);
	assert.deepEqual(parseSensuLine(`a 1 ${now}`, behind), good("a", 1, now));
});

test("each distinct timestamp is a sample, oldest first; the last line of a name and timestamp wins", () => {
	assert.deepEqual(
		parseSensuLines(
			"q.v 2 7\r\nhello\n# note\nb\t2\t9\r\nq.v 1 -5\nq.v\t3\t7\n\nc x 99\nmissing.time 5\n",
			latest,
		),
		{
			samples: [
				{ timestamp: -5, metrics: { "q.v": 1 } },
				{ timestamp: 7, metrics: { "q.v": 3 } },
				{ timestamp: 9, metrics: { b: 2 } },
			],
			bad: [{ line: 8, text: "c x 99", reason: "the value is not a number" }],
			unknown: {
				count: 2,
				first: { line: 2, text: "hello", reason: "not three fields" },
			},
			kinds: new Map(),
		},
	);
	assert.deepEqual(parseSensuLines("", latest), {
		samples: [],
		bad: [],
		unknown: { count: 0, first: undefined },
		kinds: new Map(),
	});
	assert.equal(
		JSON.stringify(
			parseSensuLines("__proto__ 1 5\nconstructor 2 5", latest).samples,
		),
		'[{"timestamp":5,"metrics":{"__proto__":1,"constructor":2}}]',
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

test("for any text nothing is thrown, skipped lines are counted, and the result fits into JSON", () => {
	fc.assert(
		fc.property(anyText, (text) => {
			const output = parseSensuLines(text, latest);
			const printed = text.split("\n");
			for (const { line, text, reason } of output.bad) {
				assert.equal(printed[line - 1]?.replace(/\r$/, ""), text);
				assert.deepEqual(parseSensuLine(text, latest), { reason });
			}
			const reasons = printed
				.map((line) => parseSensuLine(line, latest))
				.filter((read) => read !== undefined && "reason" in read);
			assert.equal(reasons.length, output.bad.length + output.unknown.count);
			const times = output.samples.map(({ timestamp }) => timestamp);
			assert.deepEqual(
				times,
				[...new Set(times)].sort((one, other) => one - other),
			);
			assert.deepEqual(
				JSON.parse(JSON.stringify(output.samples)),
				output.samples,
			);
		}),
		{ numRuns: 2000 },
	);
});

const name = fc
	.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 20 })
	.filter((text) => text === text.trim() && /^[^#]/.test(text));
const figure = fc.record({
	name,
	value: fc.double({ noNaN: true, noDefaultInfinity: true }),
	timestamp: fc.oneof(fc.nat({ max: latest }), fc.nat({ max: 3 })),
});
const figures = fc.array(figure, { minLength: 1, maxLength: 20 });

test("well-formed lines are parsed whatever lines are between them", () => {
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
			const output = parseSensuLines(`${printed.join("\n")}\n`, latest);
			const expected = new Map<number, Map<string, number>>();
			for (const { name, value, timestamp } of given)
				expected.set(
					timestamp,
					(expected.get(timestamp) ?? new Map()).set(name, value || 0),
				);
			assert.deepEqual(
				new Map(
					output.samples.map(({ timestamp, metrics }) => [
						timestamp,
						new Map(Object.entries(metrics)),
					]),
				),
				expected,
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

test("comments tell types and units, wherever they stand", () => {
	const { kinds, samples } = parseSensuLines(
		"# TYPE a.b counter\na.b 1 7\n# UNIT a.b bytes\n# UNIT c pages\n# TYPE d gauge\n",
		latest,
	);
	assert.deepEqual(samples, [{ timestamp: 7, metrics: { "a.b": 1 } }]);
	assert.deepEqual(
		kinds,
		new Map([
			["a.b", { isCounter: true, unit: "bytes" }],
			["c", { isCounter: false, unit: "pages" }],
		]),
	);
});
