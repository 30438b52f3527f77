import assert from "node:assert/strict";
import { test } from "node:test";
import { freePort, startWithPlugins } from "../support/command-line.ts";
import { missingNagios, startNagios } from "../support/nagios.ts";
import { lacksPeer } from "../support/peer.ts";

test("a real Nagios Core sees OK, WARNING and a dead agent", async (t) => {
	if (lacksPeer(t, missingNagios)) return;
	const { port, stop } = await startWithPlugins(t);
	const dead = await freePort();
	const nagios = await startNagios(t, [
		{ description: "fine", command: `check_happo_port!${port}!check_exit!0` },
		{
			description: "warning",
			command: `check_happo_port!${port}!check_exit!1 -w 100 -c 200`,
		},
		{ description: "dead", command: `check_happo_port!${dead}!check_exit!0` },
	]);
	const services = await nagios.checked();
	const by = (a: { description: string }, b: { description: string }) =>
		a.description < b.description ? -1 : 1;
	assert.deepEqual(services.sort(by), [
		{
			description: "dead",
			state: 2,
			output: `ERROR(happo-agent): 127.0.0.1:${dead}: connection refused`,
		},
		{ description: "fine", state: 0, output: "exit 0 says hello" },
		{ description: "warning", state: 1, output: "exit 1 says hello" },
	]);
	await nagios.stop();
	assert.equal((await stop()).code, 0);
});
