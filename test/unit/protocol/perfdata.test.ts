import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
	maxErrors,
	maxTokenCharacters,
	maxValues,
	outputLine,
	type PerfdataRange,
	type PerfdataValue,
	parsePerfdata,
	splitOutput,
} from "../../../src/protocol/perfdata.ts";
import { normalised } from "../../../src/protocol/perfdata-unit.ts";

const outside = (lower?: number, upper?: number): PerfdataRange => ({
	...{ lower, upper, alert: "outside" },
});
const inside = (lower?: number, upper?: number): PerfdataRange => ({
	...{ lower, upper, alert: "inside" },
});

const of = (
	label: string,
	value: number | undefined,
	unit = "",
	rest: Partial<PerfdataValue> = {},
): PerfdataValue => ({ label, value, unit, ...rest });

const good: readonly [string, ...PerfdataValue[]][] = [
	[""],
	[" \r\n\t| |"],
	["a=1", of("a", 1)],
	["a=1 b=2\tc=3\r\nd=4", of("a", 1), of("b", 2), of("c", 3), of("d", 4)],
	["a=-1.5e3s", of("a", -1500, "s")],
	["a=+.5 b=1. c=1E-2%", of("a", 0.5), of("b", 1), of("c", 0.01, "%")],
	["a=5EB b=5eB", of("a", 5, "EB"), of("b", 5, "eB")],
	["a=-0", of("a", 0)],
	["a=7c", of("a", 7, "c")],
	[
		"a=U;1;2;0;9",
		of("a", undefined, "", {
			...{ warning: outside(0, 1), critical: outside(0, 2), min: 0, max: 9 },
		}),
	],
	["'a b'=1 'c=d'=2", of("a b", 1), of("c=d", 2)],
	["'it''s'=1 ''''=2 '''a'=3", of("it's", 1), of("'", 2), of("'a", 3)],
	["'a|b'=1|'c|d'=2 |e=3", of("a|b", 1), of("c|d", 2), of("e", 3)],
	["more text | a=1", of("a", 1)],
	["a b=1 c=2", of("a b", 1), of("c", 2)],
	["a=b=1", of("a=b", 1)],
	["/=5GB;;;0;9", of("/", 5, "GB", { min: 0, max: 9 })],
	["it's=1 rock'n'roll=2", of("it's", 1), of("rock'n'roll", 2)],
	["'open=1 b=2", of("'open", 1), of("b", 2)],
	["'a'b=1", of("'a'b", 1)],
	["'a' =1 b =2", of("a", 1), of("b", 2)],
	["\u65e5=1\u00b5s", of("\u65e5", 1, "\u00b5s")],
	["__proto__=1", of("__proto__", 1)],
	["a=1 a=2", of("a", 1), of("a", 2)],
	["a=1;;;;", of("a", 1)],
	["a=1;U;U;U;U", of("a", 1)],
	["a=1;10", of("a", 1, "", { warning: outside(0, 10) })],
	["a=1;-10", of("a", 1, "", { warning: outside(undefined, -10) })],
	["a=1;10:", of("a", 1, "", { warning: outside(10) })],
	["a=1;:10", of("a", 1, "", { warning: outside(0, 10) })],
	["a=1;~:10", of("a", 1, "", { warning: outside(undefined, 10) })],
	["a=1;~:", of("a", 1, "", { warning: outside() })],
	[
		"a=1;-10:20;@-1e1:2e1",
		of("a", 1, "", {
			...{ warning: outside(-10, 20), critical: inside(-10, 20) },
		}),
	],
	["a=1;@10", of("a", 1, "", { warning: inside(0, 10) })],
	[
		"a=1ms;5ms;0.5s;0s",
		of("a", 1, "ms", {
			...{ warning: outside(0, 5), critical: outside(0, 500), min: 0 },
		}),
	],
];

const bad: readonly [string, error: string, ...PerfdataValue[]][] = [
	["done", "no label=value: done"],
	["a=1 done", "no label=value: done", of("a", 1)],
	["a=1,5s b=2", "decimal comma: a=1,5s", of("b", 2)],
	["a=,5", "decimal comma: a=,5"],
	[
		"a=1;2,5;3",
		"warning: decimal comma: a=1;2,5;3",
		of("a", 1, "", {
			critical: outside(0, 3),
		}),
	],
	["a= b=1", "no value: a=", of("b", 1)],
	["a=;1;2", "no value: a=;1;2"],
	["=1", "no label: =1"],
	["''=1", "no label: =1"],
	["a=x", "not a number: a=x"],
	["a=nan", "not a number: a=nan"],
	["a=-inf", "not a number: a=-inf"],
	["'a'=b=1", "not a number: a=b=1"],
	["a=--1", "not a number: a=--1"],
	["a=0x10", "not a number with a unit: a=0x10"],
	["a=1.2.3", "not a number with a unit: a=1.2.3"],
	["a=1-2", "not a number with a unit: a=1-2"],
	["a=1'", "not a number with a unit: a=1'"],
	["a=1,", "not a number with a unit: a=1,"],
	["a=1e999", "out of range: a=1e999"],
	["a=1e300YB", "out of range: a=1e300YB"],
	["a=1YB;1e300", "warning: out of range: a=1YB;1e300", of("a", 1, "YB")],
	["a=1ns;1e300s", "warning: out of range: a=1ns;1e300s", of("a", 1, "ns")],
	["a=1;1e999", "warning: out of range: a=1;1e999", of("a", 1)],
	[
		"a=1GB;90%",
		"warning: the unit differs from that of the value (%): a=1GB;90%",
		of("a", 1, "GB"),
	],
	[
		"a=1;20:10",
		"warning: the range ends before it begins: a=1;20:10",
		of("a", 1),
	],
	["a=1;@", "warning: no value: a=1;@", of("a", 1)],
	["a=1;;~", "critical: not a number: a=1;;~", of("a", 1)],
	["a=1;;;~:5", "min: not a number: a=1;;;~:5", of("a", 1)],
	["a=1;;;;x", "max: not a number: a=1;;;;x", of("a", 1)],
	[
		"a=1;2;3;4;5;6",
		"more than five fields: a=1;2;3;4;5;6",
		of("a", 1, "", {
			...{ warning: outside(0, 2), critical: outside(0, 3), min: 4, max: 5 },
		}),
	],
	[
		`${"x".repeat(maxTokenCharacters + 1)}=1 b=2`,
		`longer than 1024 characters: ${"x".repeat(60)}...`,
		of("b", 2),
	],
	[
		`a=1${";".repeat(maxTokenCharacters)}`,
		`longer than 1024 characters: a=1${";".repeat(57)}...`,
	],
];

describe("performance data", () => {
	for (const [text, ...values] of good)
		it(`${JSON.stringify(text)} is parsed`, () =>
			assert.deepEqual(parsePerfdata(text), {
				...{ values, errors: [], errorCount: 0 },
			}));

	for (const [text, error, ...values] of bad)
		it(`${JSON.stringify(text.slice(0, 40))} has an error that is named`, () =>
			assert.deepEqual(parsePerfdata(text), {
				...{ values, errors: [error], errorCount: 1 },
			}));

	it("has its errors, with their causes, in perfdata.md", () => {
		const document = readFileSync("contrib/doc/perfdata.md", "utf8");
		for (const [, error] of bad) {
			const [, reason] =
				/^(?:(?:warning|critical|min|max): )?([^:(]+?)(?: \(.*\))?: /.exec(
					error,
				) ?? [];
			assert.ok(reason && document.includes(`\n| \`${reason}\` |`), error);
		}
	});

	it("is limited in values and errors, and says how many are left out", () => {
		const many = parsePerfdata("a=1 ".repeat(maxValues + 5));
		assert.equal(many.values.length, maxValues);
		assert.deepEqual(many.errors, [
			"5 values are left out: more than 1000 in one output",
		]);
		assert.equal(many.errorCount, 5);
		const both = parsePerfdata("=1 a=1 ".repeat(maxValues + 5));
		assert.equal(both.errors.length, maxErrors);
		assert.match(both.errors.at(-1) ?? "", /^5 values are left out/);
		assert.equal(both.errorCount, maxValues + 10);
	});

	it("takes linear time, whatever is printed", () => {
		const mebibyte = 2 ** 20;
		for (const piece of [
			..."'|=; aé1",
			..."'' |'|'' '=| '=1 |'|= '''|'''a= |= a=1; a=U; 'a=1 'y''=1 a=1;@~: 1e1 =- | a=1,".split(
				" ",
			),
			"'a ",
			"' |",
			"'|'          ",
			"''|'|",
			"a=1 ",
			"'a'=1 ",
			"\n|",
			"|\n",
		]) {
			const text = piece.repeat(mebibyte / piece.length);
			const start = process.cpuUsage();
			const { values, errorCount } = parsePerfdata(
				splitOutput(`x|${text}`).perfdata,
			);
			assert.ok(values.length <= maxValues && errorCount >= 0);
			const { user } = process.cpuUsage(start);
			// a quadratic one would take hours
			assert.ok(user < 10e6, `${JSON.stringify(piece)}: ${user / 1e6} s`);
		}
	});

	const label = fc
		.string({ unit: "grapheme", minLength: 1, maxLength: 80 })
		.filter((text) => text.length <= maxTokenCharacters);
	const figure = fc
		.double({ noNaN: true, min: -1e300, max: 1e300 })
		.map((value) => value || 0);
	const printedRange = fc.oneof(
		fc.tuple(figure, figure, fc.constantFrom("outside", "inside")).map(
			([one, other, alert]): PerfdataRange => ({
				...{ lower: Math.min(one, other), upper: Math.max(one, other) },
				alert,
			}),
		),
		figure.map((lower) => outside(lower)),
		figure.map((upper) => outside(undefined, upper)),
	);
	const value: fc.Arbitrary<PerfdataValue> = fc.record(
		{
			label,
			value: fc.option(figure, { nil: undefined }),
			unit: fc.constantFrom("", "s", "ms", "%", "c", "KiB", "Mb/s", "\u00b0C"),
			...{ warning: printedRange, critical: printedRange },
			...{ min: figure, max: figure },
		},
		{ requiredKeys: ["label", "value", "unit"], noNullPrototype: true },
	);
	const rangeText = (range: PerfdataRange | undefined) =>
		range
			? `${range.alert === "inside" ? "@" : ""}${range.lower ?? "~"}:${range.upper ?? ""}`
			: "";
	const printedValue = (one: PerfdataValue) =>
		`'${one.label.replaceAll("'", "''")}'=${one.value === undefined ? "U" : `${one.value}${one.unit}`};${[rangeText(one.warning), rangeText(one.critical), one.min ?? "", one.max ?? ""].join(";")}`;
	const expected = (one: PerfdataValue) =>
		one.value === undefined ? { ...one, unit: "" } : one;

	it("says the same after it was printed and parsed", () =>
		fc.assert(
			fc.property(
				fc.array(value, { maxLength: 20 }),
				fc.constantFrom(" ", "\n", "\r\n", "|", " | "),
				(values, separator) => {
					const text = values.map(printedValue).join(separator);
					assert.deepEqual(parsePerfdata(text), {
						values: values.map(expected),
						...{ errors: [], errorCount: 0 },
					});
				},
			),
		));

	it("loses no value silently between those that do not parse", () =>
		fc.assert(
			fc.property(
				fc.array(
					fc.oneof(
						value,
						fc.constantFrom("a=1,5", "b=", "=5", "c=nan", "d=1e999", "'e'=f=1"),
					),
					{ maxLength: 30 },
				),
				(pieces) => {
					const text = pieces
						.map((piece) =>
							typeof piece === "string" ? piece : printedValue(piece),
						)
						.join(" ");
					const { values, errorCount } = parsePerfdata(text);
					assert.deepEqual(
						values,
						pieces.filter((piece) => typeof piece !== "string").map(expected),
					);
					assert.equal(
						errorCount,
						pieces.filter((piece) => typeof piece === "string").length,
					);
				},
			),
		));

	it("never throws, and an = outside of a label is a value or an error", () => {
		const piece = fc.oneof(
			fc.constantFrom(
				...["'", "''", "|", "=", ";", " ", "\n", "\r\n", "a", "1", "U"],
				...["~", "@", ":", ",5", "e9", "%", ".", "-", "\u00e9", "\ud800"],
			),
			fc.string(),
		);
		fc.assert(
			fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
				const text = pieces.join("");
				const { values, errors, errorCount } = parsePerfdata(text);
				assert.ok(errors.length <= errorCount);
				for (const { value, label } of values) {
					assert.ok(value === undefined || Number.isFinite(value));
					assert.notEqual(label, "");
				}
				if (/=/.test(text)) assert.ok(values.length + errorCount > 0, text);
			}),
			{ numRuns: 2_000 },
		);
	});
});

describe("the output of a plugin", () => {
	for (const [output, text, longText, perfdata] of [
		["", "", "", ""],
		["OK", "OK", "", ""],
		["OK\n", "OK", "", ""],
		["OK | a=1\n", "OK", "", "a=1"],
		["|a=1", "", "", "a=1"],
		["OK\nmore\nlines\n", "OK", "more\nlines", ""],
		["OK|a=1\nlong\n|b=2\nc=3\n", "OK", "long", "a=1 b=2 c=3"],
		["OK\nlong | b=2", "OK", "long", "b=2"],
		["OK | a=1\r\nlong | b=2\r\nc=3\r\n", "OK", "long", "a=1\r  b=2\r c=3"],
		[
			"OK |a=1|b=2\nlong |c=3\nmore |d=4",
			"OK",
			"long",
			"a=1|b=2 c=3 more |d=4",
		],
		["\n\nOK | a=1", "", "OK", "a=1"],
	] as const)
		it(`${JSON.stringify(output)} is split`, () =>
			assert.deepEqual(splitOutput(output), { text, longText, perfdata }));

	it("has its values, in whichever lines they are", () =>
		assert.deepEqual(
			parsePerfdata(
				splitOutput("OK |a=1|b=2\r\nlong |c=3\r\nmore |d=4\r\n").perfdata,
			),
			{
				values: [of("a", 1), of("b", 2), of("c", 3), of("d", 4)],
				...{ errors: [], errorCount: 0 },
			},
		));
});

describe("units of performance data", () => {
	for (const [printed, unit, factor] of [
		["", "", 1],
		["s", "seconds", 1],
		["us", "seconds", 1e-6],
		["\u00b5s", "seconds", 1e-6],
		["d", "seconds", 86_400],
		["%", "percent", 1],
		["B", "bytes", 1],
		["KB", "bytes", 1e3],
		["MiB", "bytes", 2 ** 20],
		["Mb", "bits", 1e6],
		["mAh", "ampere-seconds", 3.6],
		["kWh", "watt-hours", 1e3],
		["C", "degrees-celsius", 1],
		["K", "degrees-kelvin", 1],
		// would change the figure by guessing
		["k", "k", 1],
		["m", "m", 1],
		["M", "M", 1],
		["Pa", "Pa", 1],
		// unknown
		["Mb/s", "Mb/s", 1],
		["constructor", "constructor", 1],
	] as const)
		it(`${printed || "(none)"} is ${unit || "none"} times ${factor}`, () => {
			const found = normalised({ unit: printed });
			assert.deepEqual(
				{ ...found, factor: Number(found.factor.toPrecision(12)) },
				{ unit, factor, isCounter: false },
			);
		});

	it("c is a counter without a unit", () =>
		assert.deepEqual(normalised({ unit: "c" }), {
			...{ unit: "", factor: 1, isCounter: true },
		}));
});

it("the line of an output is its first that is not blank", () => {
	for (const [output, line] of [
		["\n \r\nDISK CRITICAL | a=1\nmore", "DISK CRITICAL"],
		["OK\nmore", "OK"],
		["", ""],
		["\n|a=1", ""],
	] as const)
		assert.equal(outputLine(output), line);
});
