import assert from "node:assert/strict";
import { test } from "node:test";
import {
	calledPlugin,
	checkPluginName,
} from "../../../src/protocol/plugin-name.ts";

test("a plugin name stays inside its directories and means nothing to a shell", () => {
	for (const name of [
		"check_x",
		"check-x.sh",
		"contrib/check_x",
		"a/b/c",
		"..check",
		"check..",
		"check@1,2+3=4:5%",
		"チェック",
		" check_x\t",
		"./x",
		"a//b",
		"a/",
		"check_x -w 5 -c 10",
		"check_x\t-w\t5",
	])
		assert.equal(checkPluginName(name), undefined, name);
	for (const name of [
		"",
		"/bin/echo",
		"/",
		".",
		"..",
		"../x",
		"a/../b",
		"a/..",
		" ../x",
		"./../x",
		"check_x ../x",
		"check_x -f ../x",
		" /bin/echo",
		"./",
		" ",
		"nope;echo pwned #",
		"check_x `id`",
		..."|&;<>()$`\\\"'*?[]#~{}!".split("").map((character) => `a${character}b`),
		..."\n\r\v\f\0\x01\x1f\x7f\u00a0\u2028"
			.split("")
			.map((character) => `a${character}b`),
	])
		assert.equal(typeof checkPluginName(name), "string", JSON.stringify(name));
});

/** The shortest of several runs, in milliseconds. */
function shortest(work: () => void) {
	const runs = Array.from({ length: 5 }, () => {
		const begun = performance.now();
		work();
		return performance.now() - begun;
	});
	return Math.min(...runs);
}

test("checking a name takes linear time in the number of blanks", () => {
	const named = (blanks: number) => `check_x${" ".repeat(blanks)}-w`;
	const [short, long] = [2_000, 32_000].map((blanks) =>
		shortest(() => {
			assert.deepEqual(calledPlugin(named(blanks)), {
				whole: named(blanks),
				name: "check_x",
				options: "-w",
			});
			assert.equal(checkPluginName(named(blanks)), undefined);
		}),
	) as [number, number];
	// 256 times if a scan started at each blank
	assert.ok(long < 100 * short, `${short} and ${long} ms`);
});
