import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fixtures } from "../support/agent.ts";
import { brokerProcess, brokerStatus } from "../support/broker.ts";
import { nativeClientMissing } from "../support/check-happo.ts";
import { startWithPlugins } from "../support/command-line.ts";
import { startDaemon } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";
import {
	type IcingaService,
	missingIcinga,
	resultsOfIcinga,
} from "../support/icinga.ts";
import { lacksPeer } from "../support/peer.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { blocksRunBy } from "../support/walkthrough.ts";

/** Prints performance data on a further line, and complains. */
const furtherLines = `#!/bin/sh
echo OK
echo "| a=1"
echo "a complaint" >&2
`;

/**
 * The results that a real Icinga 2 sees. Its output is all that check_happo prints: what went to
 * standard error would be in front.
 */
async function assertSeen(t: TestContext, environment: Record<string, string>) {
	const directory = await temporaryDirectory(t);
	await writeFile(join(directory, "check_lines"), furtherLines, {
		mode: 0o755,
	});
	const [edge, bastion] = await Promise.all([
		startWithPlugins(t, [
			"--nagios-plugin-paths",
			`${join(fixtures, "plugins")},${directory}`,
		]),
		startWithPlugins(t),
	]);
	const dead = await freePort();
	const exit = { port: edge.port, plugin: "check_exit" };
	const way = [`127.0.0.1:${bastion.port}`, `127.0.0.1:${edge.port}`];
	const services: readonly IcingaService[] = [
		{ name: "fine", variables: { ...exit, option: "0" } },
		{ name: "warning", variables: { ...exit, option: "1 -w 100 -c 200" } },
		{
			name: "figures",
			variables: { ...exit, plugin: "check_args", option: "'a|x=5;6;7'" },
		},
		{ name: "lines", variables: { ...exit, plugin: "check_lines" } },
		{ name: "dead", variables: { ...exit, port: dead, option: "0" } },
		{ name: "relayed", variables: { ...exit, bastions: way, option: "2" } },
		{ name: "usage", variables: { ...exit, timeout: "soon" } },
		{ name: "missing", variables: { ...exit, plugin: "check_no" } },
	];
	const results = await resultsOfIcinga(t, services, environment);
	const file = join(directory, "check_no");
	const usage = results.find(({ name }) => name === "usage");
	assert.equal(usage?.state, 3);
	assert.match(
		usage.output,
		/^check_happo: --timeout: not a whole number from 0 to \d+: soon\nUsage: /,
	);
	assert.deepEqual(
		results.filter((result) => result !== usage),
		[
			{
				name: "dead",
				state: 2,
				output: `ERROR(happo-agent): 127.0.0.1:${dead}: connection refused`,
				performance: "",
			},
			{ name: "figures", state: 0, output: "[a", performance: "x=5;6;7]" },
			{ name: "fine", state: 0, output: "exit 0 says hello", performance: "" },
			{
				name: "lines",
				state: 0,
				output: "OK \n, stderr=a complaint",
				performance: "a=1",
			},
			{
				name: "missing",
				state: 3,
				output: `UNKNOWN(happo-agent): 127.0.0.1:${edge.port} has no plugin check_no (${file}: not found)`,
				performance: "",
			},
			{
				name: "relayed",
				state: 2,
				output: "exit 2 says hello",
				performance: "",
			},
			{
				name: "warning",
				state: 1,
				output: "exit 1 says hello",
				performance: "",
			},
		],
	);
	for (const { stop } of [edge, bastion]) assert.equal((await stop()).code, 0);
}

test("a real Icinga 2 sees all states through the native client and a broker", async (t) => {
	if (lacksPeer(t, missingIcinga ?? nativeClientMissing())) return;
	const broker = await brokerProcess(t, ["--insecure"]);
	await assertSeen(t, { HAPPO_BROKER: broker.socket });
	const { checks } = await brokerStatus(broker.socket);
	assert.ok(checks.answered >= 6 && checks.failed >= 1, JSON.stringify(checks));
});

test("a real Icinga 2 sees all states without a broker", async (t) => {
	if (lacksPeer(t, missingIcinga)) return;
	await assertSeen(t, { HAPPO_BROKER: "" });
});

test("a real Icinga 2 runs the service of icinga.md", async (t) => {
	if (lacksPeer(t, missingIcinga)) return;
	const [block, ...others] = blocksRunBy("test/e2e/icinga.test.ts");
	assert.ok(block && others.length === 0);
	const { port } = await startDaemon(t);
	const rules = block.lines.join("\n");
	assert.match(rules, /check_interval = 1m/);
	const [result] = await resultsOfIcinga(
		t,
		[],
		{ HAPPO_BROKER: "" },
		{
			address: `127.0.0.1:${port}`,
			// the first check comes within an interval
			rules: `${rules.replace("= 1m", "= 2s")}\n`,
		},
	);
	assert.equal(result?.name, "load");
	assert.equal(result.state, 0);
	assert.match(result.output, /^LOAD OK - load average: /);
	assert.match(result.performance, /^load1=/);
});
