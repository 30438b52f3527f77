import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
	assertRefused,
	run,
	startWithPlugins,
} from "../support/command-line.ts";
import { nodes, startProgram } from "../support/daemon.ts";
import { engines } from "../support/engine.ts";
import { post, send } from "../support/https.ts";
import { copyProgram } from "../support/program-copy.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** Plugins for what the engines do differently. */
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

for (const node of nodes)
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

test("the native engine that is wanted and cannot be loaded stops the start", async (t) => {
	// the program alone, without what lies beside it
	const { directory, ...elsewhere } = await copyProgram(t, (file) =>
		file.includes("/dist/native"),
	);
	const quick = [
		...["daemon", "--log-level", "info"],
		"--quick-start",
		join(directory, "data"),
		"-P",
		"0",
		"--listen-address",
		"127.0.0.1",
	];
	const { stderr, code } = await run(
		t,
		[...quick, "--command-engine", "native"],
		elsewhere,
	);
	assert.match(
		stderr,
		/^happo-agent: command-engine native: \S+spawn\.node is not there\n$/,
	);
	assert.equal(code, 1);
	// left to itself it does without
	const daemon = startProgram(t, quick, {
		...elsewhere,
		environment: { HAPPO_AGENT_COMMAND_ENGINE: "auto" },
	});
	await daemon.printed(
		/\[warning\] commands are started through node:child_process, which takes longer: \S+ is not there\n/,
	);
	const [, port] = await daemon.printed(/listening on \S+ port (\d+)/);
	const status = JSON.parse(
		(await send({ port: Number(port), path: "/status" })).text,
	);
	assert.equal(status.commands.engine, "child_process");
});

test("a word that is no engine is refused", async (t) => {
	const exited = await run(t, ["daemon", "--command-engine", "fork"]);
	assertRefused(
		exited,
		2,
		/^happo-agent: --command-engine: must be one of auto, native, child_process: fork$/,
	);
});
