import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { otherNodes } from "../support/daemon.ts";
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
