import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { atoi } from "../../../../../cli/ctl/nrpe/c-text.ts";
import {
	expanded,
	hasLoneDollar,
	piecesOf,
	rawLine,
	roomForArguments,
} from "../../../../../cli/ctl/nrpe/macros.ts";

test("dollars are paired from the left", () => {
	const rows: [line: string, text: string][] = [
		["a", "a"],
		["echo $ARG1$ $ARG2$", "echo <1> <2>"],
		["5$ $ARG1$ end", "5$ $ARG1$ end$"],
		["'$'", "'$'$"],
		["$$", "$"],
		["a$$b", "a$b"],
		["$$$ARG1$", "$<1>"],
		["$ARG1$$ARG2$", "<1><2>"],
		["{print $1, $2}", "{print $1, $2}"],
		["$HOME$", "$HOME$"],
		["$HOME", "$HOME$"],
		["$ARG1", "<1>"],
		["$", "$"],
		["$$$", "$$"],
		["[$ARG$] [$ARG0$] [$ARG17$] [$ARGUMENT$]", "[] [] [] []"],
		["$ARG01$ $ARG 1$ $ARG+1$ $ARG1x$ $ARG-1$", "<1> <1> <1> <1> "],
		["$arg1$ $MYARG1$", "$arg1$ $MYARG1$"],
		["$ARG4294967297$ $ARG99999999999999999999$", "<1> "],
	];
	const given = Array.from({ length: 16 }, (_, at) => `<${at + 1}>`);
	for (const [line, text] of rows) assert.equal(expanded(line, given), text);
	assert.equal(expanded("[$ARG1$] $ARG2$", ["$ARG2$"]), "[$ARG2$] ");
	assert.deepEqual(["a", "$$", "$", "a$b$c$"].map(hasLoneDollar), [
		...[false, false, true, true],
	]);
});

test("numbers are read as C reads them", () => {
	const rows: [string, number][] = [
		["12abc", 12],
		[" \t-7", -7],
		["+3", 3],
		["- 3", 0],
		["", 0],
		["0x10", 0],
		["2147483648", -2147483648],
		["9".repeat(30), -1],
	];
	for (const [text, number] of rows) assert.equal(atoi(text), number, text);
});

test("what has no room in NRPE's buffers is left out", () => {
	assert.equal(rawLine("x".repeat(3000), undefined).length, 2047);
	assert.equal(rawLine("x".repeat(3000), "sudo").length, 2046);
	assert.equal(rawLine("a b", "sudo"), "sudo a b");
	// a piece that does not fit is dropped, an argument is cut
	assert.equal(
		expanded(`$ARG1$${"y".repeat(100)}`, ["x".repeat(2000)]).length,
		2000,
	);
	assert.equal(expanded(`$ARG1$y`, ["x".repeat(3000)]).length, 2047);
});

test("arguments within the room that is left are never cut", () => {
	const line = fc
		.array(
			fc.oneof(
				fc.constantFrom("$ARG1$", "$ARG2$", "$ARG1x$", "$$", " "),
				fc.nat(900).map((length) => "x".repeat(length)),
			),
			{ maxLength: 8 },
		)
		.map((parts) => parts.join(""));
	fc.assert(
		fc.property(line, fc.nat(100), (line, share) => {
			const room = roomForArguments(line);
			if (room < 0) return;
			const first = Math.floor((room * share) / 100);
			const given = ["a".repeat(first), "b".repeat(room - first)];
			const whole = piecesOf(line)
				.map((piece) =>
					typeof piece === "string" ? piece : (given[piece.argument - 1] ?? ""),
				)
				.join("");
			assert.equal(expanded(line, given), whole);
		}),
		{ numRuns: 2000 },
	);
});
