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

test("auto is native where it can be loaded, and says nothing", (t) => {
	const missing = nativeMissing();
	if (missing) return t.skip(missing);
	const given = parts();
	assert.equal(chooseEngine("auto", given).name, "native");
	assert.equal(chooseEngine("native", given).name, "native");
	assert.deepEqual(given.logged, []);
});

test("auto without it falls back and says why, in one line", () => {
	const given = parts("spawn.node is not there");
	assert.equal(chooseEngine("auto", given).name, "child_process");
	assert.deepEqual(given.logged, [
		"commands are started through node:child_process, which takes longer: spawn.node is not there",
	]);
});

test("native that cannot be loaded is an error that says why", () => {
	assert.throws(
		() => chooseEngine("native", parts("spawn.node is not there")),
		{
			message: "command-engine native: spawn.node is not there",
		},
	);
});

test("child_process does not look for it", () => {
	const given = { ...parts(), load: assert.fail };
	assert.equal(chooseEngine("child_process", given).name, "child_process");
	assert.deepEqual(given.logged, []);
});
