import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseEngine } from "../../../src/spawn/engine.ts";
import { nativeMissing } from "../../support/engine.ts";

function parts(reason?: string) {
	const logged: string[] = [];
	return {
		logged,
		environment: { PATH: process.env.PATH ?? "" },
		log: { warning: (message: string) => logged.push(message) },
		...(reason && { load: () => ({ reason }) }),
	};
}

test("auto chooses native if it can be loaded, and logs nothing", (t) => {
	const missing = nativeMissing();
	if (missing) return t.skip(missing);
	const given = parts();
	assert.equal(chooseEngine("auto", given).name, "native");
	assert.equal(chooseEngine("native", given).name, "native");
	assert.deepEqual(given.logged, []);
});

test("auto falls back and logs the reason in one line if the addon is missing", () => {
	const given = parts("spawn.node is not there");
	assert.equal(chooseEngine("auto", given).name, "child_process");
	assert.deepEqual(given.logged, [
		"starting commands through node:child_process, which is slower: spawn.node is not there",
	]);
});

test("native throws the reason if the addon cannot be loaded", () => {
	assert.throws(
		() => chooseEngine("native", parts("spawn.node is not there")),
		{
			message: "command-engine native: spawn.node is not there",
		},
	);
});

test("child_process does not load the addon", () => {
	const given = { ...parts(), load: assert.fail };
	assert.equal(chooseEngine("child_process", given).name, "child_process");
	assert.deepEqual(given.logged, []);
});
