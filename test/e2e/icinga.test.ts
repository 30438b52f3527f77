import assert from "node:assert/strict";
import { test } from "node:test";
import { freePort, startWithPlugins } from "../support/command-line.ts";
import { missingIcinga, resultsOfIcinga } from "../support/icinga.ts";
import { lacksPeer } from "../support/peer.ts";

test("a real Icinga 2 sees OK, WARNING, performance data and a dead agent", async (t) => {
	if (lacksPeer(t, missingIcinga)) return;
	const { port, stop } = await startWithPlugins(t);
	const dead = await freePort();
	const exit = { port, plugin: "check_exit" };
	const results = await resultsOfIcinga(t, [
		{ name: "fine", ...exit, option: "0" },
		{ name: "warning", ...exit, option: "1 -w 100 -c 200" },
		{ name: "figures", port, plugin: "check_args", option: "'a|x=5;6;7'" },
		{ name: "dead", ...exit, port: dead, option: "0" },
	]);
	assert.deepEqual(results, [
		{
			name: "dead",
			state: 2,
			output: `ERROR(happo-agent): 127.0.0.1:${dead}: connection refused`,
			performance: "",
		},
		{ name: "figures", state: 0, output: "[a", performance: "x=5;6;7]" },
		{ name: "fine", state: 0, output: "exit 0 says hello", performance: "" },
		{ name: "warning", state: 1, output: "exit 1 says hello", performance: "" },
	]);
	assert.equal((await stop()).code, 0);
});
