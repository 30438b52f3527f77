import assert from "node:assert/strict";
import { test } from "node:test";
import { AuditVerifier } from "../../../src/protocol/audit-chain.ts";
import {
	type AuditRecord,
	auditText,
	lineHash,
	noLine,
	recordText,
} from "../../../src/protocol/audit-line.ts";
import { testDecision } from "../../support/audit.ts";

/** A chain of lines, from number 1. */
function aChain(
	count: number,
	first: AuditRecord = { event: "start", pid: 1 },
) {
	let prev = noLine;
	return Array.from({ length: count }, (_, at) => {
		const record: AuditRecord =
			at === 0 ? first : { event: "decision", ...testDecision(`id${at + 1}`) };
		const line = auditText(recordText(record, 0), at + 1, prev);
		prev = lineHash(line);
		return line;
	});
}

function verify(
	files: Readonly<Record<string, readonly string[]>>,
	expected: readonly string[] = [],
) {
	const verifier = new AuditVerifier(expected);
	for (const [file, lines] of Object.entries(files))
		for (const [at, line] of lines.entries()) {
			const text = line.replace(/\|$/, "");
			verifier.take(file, at + 1, Buffer.from(text), text === line);
		}
	return verifier.end();
}

/** What is wrong with one file: `<line>: <text>`. */
const wrong = (lines: readonly string[]) =>
	verify({ a: lines }).findings.map(({ line, text }) => `${line}: ${text}`);

const long = aChain(10_000);
const changedAt = (at: number, change: (line: string) => string) =>
	long.map((line, index) => (index === at ? change(line) : line));

test("a whole chain has no findings; the hash of its last line is known", () => {
	const result = verify({ a: long });
	assert.deepEqual(result.findings, []);
	assert.deepEqual(result.notes, []);
	assert.equal(result.lines, 10_000);
	assert.equal(result.lastHash, lineHash(long.at(-1) ?? ""));
	assert.equal(result.first?.n, 1);
	assert.equal(result.last?.n, 10_000);
});

test("of ten thousand lines, the one that was changed is named", () => {
	const changes: ((line: string) => string)[] = [
		(line) => line.replace("/var", "/etc"),
		(line) => line.replace('"allowed"', '"refused"'),
		(line) => line.replace(/"prev":"./, '"prev":"e').replace("/var", "/vax"),
		(line) => `${line} `,
		(line) => line.replace(/"n":\d+/, '"n":99999'),
	];
	for (const change of changes)
		for (const at of [1, 4_711, 9_998]) {
			const found = wrong(changedAt(at, change));
			assert.equal(found.length, 1, found.join("\n"));
			assert.match(found[0] ?? "", new RegExp(`^${at + 1}: was changed`));
		}
	assert.deepEqual(wrong(changedAt(4_711, () => "no JSON")), [
		"4712: was changed: it is no line of the audit log",
	]);
	assert.match(
		wrong(changedAt(4_711, (line) => line.replace("/var", "/etc")))[0] ?? "",
		/\(number 4712, id id4712\): line 4713 has the hash of another text$/,
	);
});

test("lines that were removed are named by their numbers", () => {
	assert.deepEqual(wrong(long.toSpliced(4_711, 1)), [
		"4712: line number 4712 is missing between line 4711 and this one",
	]);
	assert.deepEqual(wrong(long.toSpliced(4_711, 100)), [
		"4712: lines number 4712 to 4811 are missing between line 4711 and this one",
	]);
	const several = long.filter((_, at) => at % 1_000 !== 500);
	assert.equal(wrong(several).length, 10);
});

test("lines that were swapped, moved, copied or put in are named", () => {
	const swapped = [...long];
	[swapped[4_711], swapped[4_712]] = [long[4_712] ?? "", long[4_711] ?? ""];
	assert.deepEqual(wrong(swapped), [
		"4713: is not in its place (number 4712, id id4712): it comes after number 4713",
	]);
	const moved = long.toSpliced(100, 1).toSpliced(8_000, 0, long[100] ?? "");
	assert.deepEqual(wrong(moved), [
		"8001: is not in its place (number 101, id id101): it comes after number 8001",
	]);
	assert.deepEqual(wrong(long.toSpliced(500, 0, long[499] ?? "")), [
		"501: is not in its place (number 500, id id500): it comes after number 500",
	]);
});

test("two changes are two findings", () => {
	const lines = changedAt(100, (line) => line.replace("/var", "/etc"));
	lines[5_000] = lines[5_000]?.replace("/var", "/etc") ?? "";
	lines.splice(7_000, 1);
	assert.deepEqual(
		wrong(lines).map((text) => text.split(":")[0]),
		["101", "5001", "7001"],
	);
});

test("files are one chain in their order; a file that is missing is named", () => {
	const files = {
		a: long.slice(0, 10),
		b: long.slice(10, 20),
		c: long.slice(20, 30),
	};
	assert.deepEqual(verify(files).findings, []);
	assert.deepEqual(verify({ a: files.a, c: files.c }).findings, [
		{
			file: "c",
			line: 1,
			text: "lines number 11 to 20 are missing between a line 10 and this one",
		},
	]);
	const later = verify({ b: files.b, c: files.c });
	assert.deepEqual(later.findings, []);
	assert.match(later.notes[0]?.text ?? "", /^is number 11: the lines before/);
	const { findings } = verify({ b: files.b, a: files.a });
	assert.equal(findings.length, 1);
	assert.match(
		findings[0]?.text ?? "",
		/the files are not in the order in which they were written$/,
	);
});

test("a chain that begins anew is not linked to what was before", () => {
	const { findings } = verify({ a: aChain(5), b: aChain(4) });
	assert.equal(findings.length, 1);
	assert.match(
		findings[0]?.text ?? "",
		/^begins a new chain, not linked to the line/,
	);
});

test("a cut tail is no finding, but a hash that was kept elsewhere shows it", () => {
	const cut = [...long.slice(0, 50), `${long[50]?.slice(0, 40)}|`];
	const result = verify({ a: cut });
	assert.deepEqual(result.findings, []);
	assert.match(
		result.notes[0]?.text ?? "",
		/^has no end: the agent is writing/,
	);
	const kept = lineHash(long[70] ?? "");
	assert.deepEqual(verify({ a: long }, [kept]).unknown, []);
	assert.deepEqual(verify({ a: cut }, [kept]).unknown, [kept]);
	assert.deepEqual(
		verify({ a: aChain(100, { event: "stop" }) }, [kept]).unknown,
		[kept],
	);
});

test("a line that was cut in the middle of the chain is a finding, unless the next one says so", () => {
	const part = long[5]?.slice(0, 40) ?? "";
	const explained = auditText(
		recordText({ event: "cut" }, 0),
		7,
		lineHash(part),
	);
	const next = auditText(
		recordText({ event: "stop" }, 0),
		8,
		lineHash(explained),
	);
	const { findings, notes } = verify({
		a: [...long.slice(0, 5), part, explained, next],
	});
	assert.deepEqual(findings, []);
	assert.match(notes[0]?.text ?? "", /^has no end, as the next line says/);
	assert.equal(
		wrong([...long.slice(0, 5), part, ...long.slice(6, 10)]).length,
		1,
	);
	assert.equal(
		wrong([...long.slice(0, 5), `${part}x`, explained, next]).length,
		1,
	);
});
