import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { brokerProcess, brokerStatus } from "../support/broker.ts";
import { nativeClientMissing } from "../support/check-happo.ts";
import { startWithPlugins } from "../support/command-line.ts";
import { startDaemon } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";
import { missingNagios, startNagios } from "../support/nagios.ts";
import { lacksPeer } from "../support/peer.ts";
import { blocksRunBy } from "../support/walkthrough.ts";

/** The results that a real Nagios Core sees. */
async function assertSeen(t: TestContext, environment: Record<string, string>) {
	const { port, stop } = await startWithPlugins(t);
	const dead = await freePort();
	const nagios = await startNagios(
		t,
		[
			{ description: "fine", command: `check_happo_port!${port}!check_exit!0` },
			{
				description: "warning",
				command: `check_happo_port!${port}!check_exit!1 -w 100 -c 200`,
			},
			{ description: "dead", command: `check_happo_port!${dead}!check_exit!0` },
			{ description: "missing", command: `check_happo_port!${port}!check_no!` },
			{ description: "usage", command: "check_happo_port!0!check_exit!0" },
		],
		{ environment },
	);
	const services = await nagios.checked();
	const by = (a: { description: string }, b: { description: string }) =>
		a.description < b.description ? -1 : 1;
	const [lost, fine, missing, usage, warning] = services.sort(by);
	assert.deepEqual(
		[lost, fine, usage, warning],
		[
			{
				description: "dead",
				state: 2,
				output: `ERROR(happo-agent): 127.0.0.1:${dead}: connection refused`,
			},
			{ description: "fine", state: 0, output: "exit 0 says hello" },
			{
				description: "usage",
				state: 3,
				output: "check_happo: --port: not a whole number from 1 to 65535: 0",
			},
			{ description: "warning", state: 1, output: "exit 1 says hello" },
		],
	);
	const begin = `UNKNOWN(happo-agent): 127.0.0.1:${port} has no plugin check_no (`;
	assert.equal(missing?.state, 3);
	assert.ok(missing.output.startsWith(begin), missing.output);
	await nagios.stop();
	assert.equal((await stop()).code, 0);
}

test("a real Nagios Core sees all states through the native client and a broker", async (t) => {
	if (lacksPeer(t, missingNagios ?? nativeClientMissing())) return;
	const broker = await brokerProcess(t, ["--insecure"]);
	await assertSeen(t, { HAPPO_BROKER: broker.socket });
	const { checks } = await brokerStatus(broker.socket);
	assert.ok(checks.answered >= 3 && checks.failed >= 1, JSON.stringify(checks));
});

test("a real Nagios Core sees all states without a broker", async (t) => {
	if (lacksPeer(t, missingNagios)) return;
	await assertSeen(t, { HAPPO_BROKER: "" });
});

test("a real Nagios Core runs the service of nagios.md", async (t) => {
	if (lacksPeer(t, missingNagios)) return;
	const [block, ...others] = blocksRunBy("test/e2e/nagios.test.ts");
	assert.ok(block && others.length === 0);
	const { port } = await startDaemon(t);
	const nagios = await startNagios(t, [], {
		hosts: [{ name: "web01", address: `127.0.0.1:${port}` }],
		environment: { HAPPO_BROKER: "" },
		// what Debian's templates.cfg has, with seconds in place of minutes
		definitions: `define service {
	name generic-service
	register 0
	check_period always
	check_interval 2
	retry_interval 2
	max_check_attempts 1
	contacts nobody
	notifications_enabled 0
}
${block.lines.join("\n")}
`,
	});
	const [service] = await nagios.checked(1);
	assert.equal(service?.description, "Load");
	assert.equal(service.state, 0);
	assert.match(service.output, /^LOAD OK - load average: /);
	await nagios.stop();
});
