import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePolicy } from "../../../src/policy/policy.ts";
import { fixedWord, policyText } from "../../../src/policy/policy-text.ts";

test("values of a policy are written in one line, with quotes where they are needed", () => {
	const rows = [
		[["check_disk", "-w", "20%"], '[check_disk, -w, "20%"]'],
		[
			{ is: "path", below: ["/var", "/srv"] },
			"{ is: path, below: [/var, /srv] }",
		],
		[{ at: 5, on: true, "a: b": [] }, '{ at: 5, "on": true, "a: b": [] }'],
		["{arg1...}", '"{arg1...}"'],
		["no", '"no"'],
		["1.5", '"1.5"'],
		["", '""'],
		["a\u0085\u2028b\ufeff", '"a\\u0085\\u2028b\\ufeff"'],
		["a\u202etxt.\u200b", '"a\\u202etxt.\\u200b"'],
	] as const;
	for (const [value, text] of rows) assert.equal(policyText(value), text);
});

test("a policy reads any fixed word as it was written", () => {
	const words = [
		...[
			"a b",
			"'",
			'"',
			"\\",
			"#x",
			"a # b",
			"- a",
			"-",
			"--",
			"---",
			"...",
			"&a",
		],
		...[
			"*a",
			"!a",
			"|",
			">",
			"%a",
			"@a",
			"`a",
			"a: b",
			"a:",
			":a",
			"[",
			"]",
			"{",
			"}",
		],
		...[
			"{a}",
			"{{",
			"}}",
			"{a...}",
			"~",
			"null",
			"true",
			"NO",
			"0x1f",
			"1e3",
			".5",
			".inf",
		],
		...[
			"1_000",
			"2026-11-30",
			"=",
			"<<",
			"?",
			"? a",
			",",
			"\t",
			"é",
			"\u{1f600}",
			"\u2029",
		],
		...[
			"<<: x",
			"/etc/a+b",
			"_",
			"y",
			".a",
			"a@b",
			"a%",
			"on",
			"\u00a0",
			"\ufeff",
			"-x=1",
		],
	];
	const { policy } = parsePolicy(
		`version: 1\ncommands: { x: ${policyText({ run: ["check_x", ...words.map(fixedWord)] })} }\nrules: []`,
	);
	assert.deepEqual(
		policy.commands.get("x")?.words,
		words.map((text) => ({ kind: "fixed", text })),
	);
});
