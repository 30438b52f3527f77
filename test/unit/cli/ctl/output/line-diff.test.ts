import assert from "node:assert/strict";
import { test } from "node:test";
import { lineDiff } from "../../../../../cli/ctl/output/line-diff.ts";

test("a diff shows removed and added lines with a little context", () => {
	assert.deepEqual(lineDiff("a\nb\n", "a\nb\n"), []);
	assert.deepEqual(lineDiff("a\nb\nc\n", "a\nx\nc\n"), [
		" a",
		"-b",
		"+x",
		" c",
	]);
	assert.deepEqual(lineDiff("", "a\n"), ["+a"]);
	assert.deepEqual(lineDiff("a\n", ""), ["-a"]);
	assert.deepEqual(lineDiff("1\n2\n3\n4\n5\n6\n", "2\n3\n4\n5\nx\n6\n"), [
		...["-1", " 2", " 3", " 4", " 5", "+x", " 6"],
	]);
	const long = (text: string) => `${text}\n`.repeat(5000);
	assert.equal(lineDiff(long("a"), long("b")).length, 10_000);
});

test("a diff has consecutive lines of both texts", () => {
	for (let round = 0; round < 200; round++) {
		const text = () =>
			Array.from(
				{ length: Math.floor(Math.random() * 8) },
				() => `${Math.floor(Math.random() * 3)}\n`,
			).join("");
		const [before, after] = [text(), text()];
		const lines = lineDiff(before, after);
		const inside = lines.filter((line) => line !== "");
		const went = inside.filter((line) => !line.startsWith("+"));
		const came = inside.filter((line) => !line.startsWith("-"));
		const joined = (from: string[]) =>
			from.map((line) => `${line.slice(1)}\n`).join("");
		if (before === after) continue;
		assert.ok(before.includes(joined(went)), `${before} ${after}`);
		assert.ok(after.includes(joined(came)), `${before} ${after}`);
	}
});
