import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { version } from "../../src/agent.ts";
import { startWithPlugins } from "./command-line.ts";
import { type NodeBinary, startProgram } from "./daemon.ts";
import { engines } from "./engine.ts";
import { post, send } from "./https.ts";
import { startSleepingChecks } from "./sleeping-checks.ts";
import { temporaryDirectory } from "./temporary.ts";

// Tests of the built program for every version of Node: npm test runs them with its own, npm run
// e2e with the others.

/** Starts, answers, stops. */
export function testStart(node: NodeBinary) {
	test(`it starts, answers and stops with ${node.path}`, async (t) => {
		const told = startProgram(t, ["--version"], { node: node.path });
		assert.equal(
			(await told.exited).stdout,
			`happo-agent version ${version}\n`,
		);
		const daemon = await startWithPlugins(t, [], { node: node.path });
		assert.equal((await send(daemon)).text, "OK");
		const { port } = daemon;
		const plugin = { plugin_name: "check_exit", plugin_option: "2" };
		assert.deepEqual((await post(port, "/monitor", plugin)).json, {
			return_value: 2,
			message: "exit 2 says hello\n",
		});
		const command = { command: "echo", command_option: "a | cat" };
		assert.deepEqual((await post(port, "/inventory", command)).json, {
			return_code: 0,
			return_value: "a\n",
		});
		assert.equal((await post(port, "/monitor", {})).status, 400);
		const { code, stderr } = await daemon.stop();
		assert.equal(stderr, "");
		assert.equal(code, 0);
	});
}

/** Signals end it. */
export function testSignals({ name, path }: NodeBinary) {
	for (const signal of ["SIGINT", "SIGTERM"] as const) {
		test(`${name}: ${signal} ends an idle agent with exit status 0`, async (t) => {
			const daemon = await startWithPlugins(t, [], { node: path });
			assert.equal((await send(daemon)).status, 200);
			const began = Date.now();
			daemon.process.kill(signal);
			const { code, stderr } = await daemon.exited;
			assert.equal(code, 0);
			assert.equal(stderr, "");
			assert.ok(Date.now() - began < 2_000, `took ${Date.now() - began} ms`);
			await assert.rejects(send(daemon), { code: "ECONNREFUSED" });
		});

		test(`${name}: ${signal} ends it while plugins that ignore SIGTERM run, and them, too`, async (t) => {
			const daemon = await startWithPlugins(t, [], { node: path });
			const checks = await startSleepingChecks(daemon, ["", " | cat"]);
			const began = Date.now();
			daemon.process.kill(signal);
			const { code, stderr } = await daemon.exited;
			assert.equal(code, 0);
			assert.equal(stderr, "");
			assert.ok(Date.now() - began < 15_000, `took ${Date.now() - began} ms`);
			await checks.gone();
			// commands end before the server, so that no client is cut off
			assert.deepEqual(await checks.answers, [503, 503]);
		});
	}
}

/** Plugins for the differences between the engines. */
async function plugins(t: Parameters<typeof temporaryDirectory>[0]) {
	const directory = await temporaryDirectory(t);
	const plugin = (name: string, text: string, mode = 0o755) =>
		writeFile(join(directory, name), text, { mode });
	await plugin("check_name", "#!/bin/sh\necho text > /dev/stderr\n");
	await plugin("check_real_time", "#!/bin/sh\nkill -40 $$\n");
	await plugin("check_descriptors", "#!/bin/sh\nexec ls /proc/self/fd\n");
	await plugin("check_interpreter", "#!/nonexistent\n");
	await plugin("check_plain", "echo plain; exit 1\n");
	return directory;
}

/** Each engine starts commands. */
export function testEngines(node: NodeBinary) {
	for (const { name, skip } of engines)
		test(`commands are started by the ${name} engine with ${node.path}`, {
			skip: skip ?? false,
		}, async (t) => {
			const daemon = await startWithPlugins(
				t,
				["--nagios-plugin-paths", await plugins(t), "--command-engine", name],
				{ node: node.path },
			);
			const check = async (plugin: string) =>
				(await post(daemon.port, "/monitor", { plugin_name: plugin })).json;
			const status = JSON.parse(
				(await send({ port: daemon.port, path: "/status" })).text,
			);
			assert.equal(status.commands.engine, name);
			assert.deepEqual(await check("check_plain"), {
				return_value: 1,
				message: "plain\n",
			});
			if (name === "child_process") return;
			assert.deepEqual(await check("check_descriptors"), {
				return_value: 0,
				message: "0\n1\n2\n3\n",
			});
			assert.deepEqual(await check("check_name"), {
				return_value: 0,
				message: "stdout=, stderr=text\n",
			});
			const died = (await check("check_real_time")) as {
				return_value: number;
				message: string;
			};
			assert.equal(died.return_value, 128 + 40);
			assert.match(
				died.message,
				/^stdout=, stderr=terminated by SIGRTMIN\+[56]\n$/,
			);
			const { return_value, message } = (await check(
				"check_interpreter",
			)) as typeof died;
			assert.equal(return_value, 127);
			assert.match(
				message,
				/^stdout=, stderr=\/bin\/sh: 1: \S+\/check_interpreter: not found\n$/,
			);
		});
}
