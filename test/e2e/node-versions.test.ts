import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { otherNodes, startProgram } from "../support/daemon.ts";
import { testEngines, testSignals, testStart } from "../support/node-cases.ts";
import { lacksPeer } from "../support/peer.ts";

for (const node of otherNodes) {
	testStart(node);
	testSignals(node);
	testEngines(node);
}

const majors = otherNodes.map(
	({ path }) =>
		execFileSync(path, ["--version"], { encoding: "utf8" }).split(".", 1)[0],
);

for (const major of ["22", "24"])
	if (!majors.includes(`v${major}`))
		test(`it starts, answers and stops with node ${major}`, (t) => {
			lacksPeer(t, `set HAPPO_TEST_NODES to a node ${major} binary`);
		});

test("a real Node 18 is named as too old", async (t) => {
	const path = process.env.HAPPO_TEST_OLD_NODE;
	if (lacksPeer(t, path ? undefined : "set HAPPO_TEST_OLD_NODE to a node 18"))
		return;
	const told = await startProgram(t, ["daemon"], { node: path ?? "" }).exited;
	assert.match(
		told.stderr,
		/^happo-agent: needs Node\.js 20\.19, 22\.12 or newer, and .* is 18\.\d+\.\d+\n$/,
	);
	assert.equal(told.code, 78);
});
