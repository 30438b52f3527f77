import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { refuseLongLine } from "../../../src/commands/command.ts";
import { splitWords } from "../../../src/protocol/words.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const LINES = 5000;

/** Characters that need a shell; control characters are doubtful cases. */
const NEEDS_SHELL =
	// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern matches them on purpose
	/[|&;<>()$`*?[\]{}~#'"\\\x00-\x08\x0a-\x1f\x7f]/;

const plain = fc.constantFrom(
	..."abX09-=%!^:,./@+_é字😀\u00a0\u3000",
	"-w",
	"50%",
);
const blank = fc.constantFrom(" ", " ", "\t", "  ");
const inSingleQuotes = fc
	.array(fc.constantFrom(...'a \t\n$`"\\#*;&|é😀()<>~{}[]?!'), { maxLength: 5 })
	.map((characters) => `'${characters.join("")}'`);
const inDoubleQuotes = fc
	.array(
		fc.constantFrom(
			..."a \t\n'#*;&|é😀()<>~{}[]?!",
			'\\"',
			"\\\\",
			"\\$",
			"\\`",
			"\\a",
			"\\'",
			"\\ ",
		),
		{ maxLength: 5 },
	)
	.map((characters) => `"${characters.join("")}"`);
const escaped = fc
	.constantFrom(..."a '\"\\$`#*;&|é()<>~{}[]?!\t", "字")
	.map((character) => `\\${character}`);
const wild = fc.constantFrom(..."'\"\\#$`*?[]{}~|&;<>()!\n\r\x01\x7f");

const lines = fc
	.array(
		fc.oneof(
			{ weight: 8, arbitrary: plain },
			{ weight: 5, arbitrary: blank },
			{ weight: 4, arbitrary: inSingleQuotes },
			{ weight: 4, arbitrary: inDoubleQuotes },
			{ weight: 4, arbitrary: escaped },
			{ weight: 1, arbitrary: fc.constantFrom("''", '""', "a#", "#") },
			{ weight: 1, arbitrary: fc.constantFrom("~", "=~", ":~", "~:5") },
			{ weight: 1, arbitrary: wild },
		),
		{ maxLength: 12 },
	)
	.map((parts) => parts.join(""));

const split: [line: string, words: string[]][] = [
	["", []],
	[" \t ", []],
	["-w 5 -c 10", ["-w", "5", "-c", "10"]],
	["\t-w\t5 ", ["-w", "5"]],
	["''", [""]],
	["a '' \"\"", ["a", "", ""]],
	["a''b", ["ab"]],
	["'a b'c\"d e\"", ["a bcd e"]],
	["'a\nb'", ["a\nb"]],
	['"a\nb"', ["a\nb"]],
	["'$HOME `id` \\ \"'", ['$HOME `id` \\ "']],
	['"\\$HOME \\`id\\` \\" \\\\ \\a"', ['$HOME `id` " \\ \\a']],
	["a\\ b \\$x \\'", ["a b", "$x", "'"]],
	["a#b \\#c '#d'", ["a#b", "#c", "#d"]],
	["--x=é字😀", ["--x=é字😀"]],
	["a\u00a0b", ["a\u00a0b"]],
	["1! ^x %d @y", ["1!", "^x", "%d", "@y"]],
	["5,~:10 @~:10 a~ ''~ --w=~:10", ["5,~:10", "@~:10", "a~", "~", "--w=~:10"]],
];

const shellOnly = [
	..."|&;<>()$`*?[]{}~#'\"\\\n",
	"a | b",
	"a;b",
	"a 2>&1",
	"$(id)",
	"`id`",
	'"$HOME"',
	'"`id`"',
	"'a",
	'"a',
	'"a\\"',
	"a\\",
	"a\\\nb",
	'"a\\\nb"',
	"a\nb",
	"a #b",
	"''$x",
	"a\0b",
	"'a\0b'",
	"a\rb",
	// bash makes a directory of the first
	...["~:10", "-w ~", "a=~", "a:~", "'a'=~"],
];

test("splits plain words, quotes and backslashes", () => {
	for (const [line, words] of split)
		assert.deepEqual(splitWords(line), words, JSON.stringify(line));
});

test("leaves lines that need a shell to a shell", () => {
	for (const line of shellOnly)
		assert.equal(splitWords(line), undefined, JSON.stringify(line));
});

test("leaves lines with thousands of words to a shell", () => {
	assert.equal(splitWords("a ".repeat(4096))?.length, 4096);
	assert.equal(splitWords("a ".repeat(4098)), undefined);
	assert.equal(splitWords(" ".repeat(100_000))?.length, 0);
});

test("a long word takes no more memory than its characters", () => {
	const characters = 100_000;
	for (const [name, line, word] of [
		["plain", "x".repeat(characters), "x".repeat(characters)],
		["quoted", `'${"x".repeat(characters)}'`, "x".repeat(characters)],
		["escaped", "\\x".repeat(characters / 2), "x".repeat(characters / 2)],
		["of many parts", "'x'".repeat(characters / 4), "x".repeat(characters / 4)],
	] as const) {
		const before = process.memoryUsage().heapUsed;
		const kept = Array.from({ length: 30 }, () => splitWords(line));
		const taken = process.memoryUsage().heapUsed - before;
		for (const words of kept) assert.deepEqual(words, [word], name);
		// a string built from single characters takes 32 bytes for each
		assert.ok(
			taken < 30 * characters * 8,
			`${name}: ${taken} bytes for ${kept.length} words`,
		);
	}
});

test("refuses a line that is longer than a command line may be, before parsing it", () => {
	refuseLongLine("a and b", "a".repeat(131_071), "b");
	assert.throws(() => refuseLongLine("a and b", "a".repeat(131_071), "bc"), {
		code: "bad-request",
		message:
			"a and b: 131073 characters, more than the 131072 that a command line may have",
	});
});

test("quoted text stays one word, whatever its characters", () => {
	// biome-ignore lint/suspicious/noControlCharactersInRegex: these are left to a shell
	const doubtful = /[\x00-\x08\x0b-\x1f\x7f]/;
	const text = fc
		.string({ unit: "binary", maxLength: 20 })
		.filter((value) => !doubtful.test(value));
	fc.assert(
		fc.property(text, (value) => {
			const single = `'${value.replaceAll("'", "'\\''")}'`;
			assert.deepEqual(splitWords(single), [value]);
			const double = `"${value.replace(/[$`"\\]/g, "\\$&")}"`;
			assert.deepEqual(splitWords(double), [value]);
			assert.deepEqual(splitWords(`a ${single}${double} b`), [
				"a",
				value + value,
				"b",
			]);
		}),
		{ numRuns: 500 },
	);
});

test("a line left to a shell has something that needs one", () => {
	fc.assert(
		fc.property(lines, (line) => {
			if (splitWords(line) === undefined) assert.match(line, NEEDS_SHELL);
		}),
		{ numRuns: LINES },
	);
});

for (const [shell, ...args] of [["/bin/sh"], ["/bin/bash", "--posix"]]) {
	const skip = existsSync(shell ?? "")
		? false
		: `${shell} is not on this machine`;
	test(`splits as ${shell} does`, { skip }, async (t) => {
		const generated = fc.sample(lines, LINES);
		const cases = [...split.map(([line]) => line), ...generated].flatMap(
			(line) => {
				const words = splitWords(line);
				return words ? [{ line, words }] : [];
			},
		);
		assert.ok(
			cases.length > LINES / 3,
			`only ${cases.length} of ${LINES} lines were split`,
		);
		assert.ok(cases.filter(({ words }) => words.length > 1).length > LINES / 6);

		const directory = await temporaryDirectory(t);
		const script = join(directory, "show.sh");
		await writeFile(
			script,
			[
				'show() { printf \'%s\\0\' "$#" "$@"; }',
				...cases.map(({ line }) => `show ${line}`),
				"",
			].join("\n"),
		);
		const { stdout, stderr, status } = spawnSync(
			shell ?? "",
			[...args, script],
			{ cwd: directory, encoding: "utf8", maxBuffer: 1 << 26 },
		);
		assert.equal(stderr, "");
		assert.equal(status, 0);
		const shown = stdout.split("\0");
		assert.equal(shown.pop(), "");
		for (const { line, words } of cases) {
			const count = Number(shown.shift());
			assert.deepEqual(
				shown.splice(0, count),
				words,
				`line ${JSON.stringify(line)}`,
			);
		}
		assert.deepEqual(shown, []);
	});
}
