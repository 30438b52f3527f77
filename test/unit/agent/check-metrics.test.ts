import assert from "node:assert/strict";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fixtures, startTestAgent } from "../../support/agent.ts";
import { freePort } from "../../support/free-port.ts";
import { post, send } from "../../support/https.ts";
import { askNrpe } from "../../support/nrpe-packets.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const policy = (mode: string) => `version: 1
mode: ${mode}
who: { here: { address: 127.0.0.1 } }
commands:
  echo: { run: [check_echo, "{text}"], slots: { text: { is: text } } }
  login:
    run: [check_echo, "--password", "{password}"]
    slots: { password: { is: text, secret: true } }
  gone: { run: [check_gone] }
rules:
- { who: here, may: check, commands: "*" }
- { who: here, may: read-metrics }
`;

/** An agent with a plugin that prints its arguments as text, label and unit. */
async function start(t: TestContext, mode?: string) {
	const directory = await temporaryDirectory(t);
	const plugin = join(directory, "check_echo");
	await writeFile(plugin, `#!/bin/sh\necho "$*|'a $*'=1 b=2 c=3x$2"\nexit 1\n`);
	await chmod(plugin, 0o755);
	const file = join(directory, "policy.yaml");
	if (mode) await writeFile(file, policy(mode));
	const nrpePort = await freePort();
	const agent = await startTestAgent(t, {
		"disable-collect-metrics": true,
		"nagios-plugin-paths": [directory, join(fixtures, "plugins")],
		...(mode && { policy: file }),
		...(mode === "enforce" && { "nrpe-port": nrpePort }),
	});
	const check = (plugin_name: string, plugin_option = "") =>
		post(agent.port, "/monitor", { plugin_name, plugin_option });
	const page = async () =>
		(await send({ port: agent.port, path: "/metrics" })).text;
	/** The checks of the page, with their states. */
	const states = async () =>
		[
			...(await page()).matchAll(/^state_check_state\{check="(.*)"\} (\d)$/gm),
		].map(([, name, state]) => `${name} ${state}`);
	return { agent, nrpePort, check, page, states };
}

test("without a policy a check is known by its plugin, and no name is invented", async (t) => {
	const { check, states, page } = await start(t);
	assert.deepEqual(await states(), []);
	await check("check_exit", "2");
	await check("check_exit 0");
	await check("check_invented", "1");
	await check("check_nonexec");
	await check("check_echo", "x");
	assert.deepEqual(await states(), ["check_exit 0", "check_echo 1"]);
	assert.match(
		await page(),
		/^state_check_perfdata\{check="check_echo",perfdata_label="a x"\} 1$/m,
	);
});

test("under a policy a check is known by its command, by HTTPS and NRPE, and shows no secret", async (t) => {
	const { agent, nrpePort, check, states, page } = await start(t, "enforce");
	await check("echo", "x");
	await check("check_echo", "--password geheim");
	await check("gone");
	assert.equal((await check("check_exit", "2")).status, 403);
	assert.deepEqual(await states(), ["echo 1", "login 1", "gone 3"]);
	const answer = await askNrpe(t, { port: nrpePort }, "login!geheim");
	assert.equal(answer.status, 1);
	const text = await page();
	assert.doesNotMatch(text, /geheim/);
	assert.match(
		text,
		/^state_check_perfdata\{check="login",perfdata_label="b"\} 2$/m,
	);
	assert.match(
		text,
		/^state_check_info\{check="login",plugin="check_echo"\} 1$/m,
	);
	assert.deepEqual(await states(), ["echo 1", "gone 3", "login 1"]);
	for (const line of agent.lines) assert.doesNotMatch(line, /geheim/);
});

test("a policy that only observes does not tell which words are secrets, so no figure is shown", async (t) => {
	const { check, states, page } = await start(t, "observe");
	await check("check_echo", "--password geheim");
	assert.deepEqual(await states(), ["check_echo 1"]);
	assert.doesNotMatch(await page(), /geheim|state_check_perfdata\{/);
});
