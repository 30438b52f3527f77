import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { components } from "../../generated/schema.ts";
import { writeTestKeyPair } from "../support/agent.ts";
import {
	type StartedProgram,
	startDaemon,
	startProgram,
} from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { post, send } from "../support/https.ts";
import { nodeWithMounts } from "../support/node-with-mounts.ts";
import { createScope } from "../support/scope.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const program = join(process.cwd(), "test/fixtures/silent-mount.c");

/**
 * A directory with a mount for the daemon, `mount`, and a directory of working plugins, `good`. The mount shows the
 * content of `source` while it answers; without `files` it never answers.
 * @param files to put into `source`
 * @param cachedSeconds how long the kernel answers `stat` from its cache, as for network mounts
 */
async function layOut(
	t: TestContext,
	files?: (source: string) => Promise<void>,
	cachedSeconds = 0,
) {
	const scope = createScope();
	t.after(() => scope.end());
	const directory = await temporaryDirectory(scope);
	const at = (name: string) => join(directory, name);
	execFileSync("cc", ["-Wall", "-o", at("silent-mount"), program]);
	for (const name of ["mount", "good", "source"]) mkdirSync(at(name));
	for (const [name, line] of [
		["check_good", "echo fine"],
		["metrics_good", 'echo "good.value 1 $(date +%s)"'],
	] as const) {
		await writeFile(at(`good/${name}`), `#!/bin/sh\n${line}\n`);
		await chmod(at(`good/${name}`), 0o755);
	}
	await files?.(at("source"));
	const node = await nodeWithMounts(
		directory,
		`"$0/silent-mount" "$0/mount" ${files ? `"$0/source" ${cachedSeconds}` : ""} >"$0/said" 2>&1 & echo $! >"$0/pid"
	until grep -q ready "$0/said"; do sleep 0.05; done`,
	);
	const signalMount = (signal: NodeJS.Signals) =>
		process.kill(Number(readFileSync(at("pid"), "utf8")), signal);
	/** Unmounts before the test waits for the program, which the mount would block. */
	const endMountAfterwards = () =>
		scope.after(() => {
			try {
				signalMount("SIGKILL");
			} catch {
				// the process has ended
			}
		});
	return {
		at,
		signalMount,
		start: async (flags: readonly string[]) => {
			const daemon = await startDaemon(scope, flags, { node, directory });
			endMountAfterwards();
			return daemon;
		},
		/** Starts a daemon that may never become ready. */
		launch: (flags: readonly string[]) => {
			const started = startProgram(
				scope,
				["daemon", "-P", "0", "-l", "-", ...flags],
				{ node, directory },
			);
			endMountAfterwards();
			return started;
		},
	};
}

/** True if the process has ended, even if the kernel keeps it until its hanging threads return. */
function hasEnded({ process: { pid, exitCode } }: StartedProgram) {
	if (exitCode !== null) return true;
	const status = readFileSync(`/proc/${pid}/status`, "utf8");
	return /^State:\s*Z/m.test(status);
}

test("a plugin directory on a mount that never answers affects only the checks in it", async (t) => {
	const { at, signalMount, start } = await layOut(t);
	const daemon = await start([
		`--nagios-plugin-paths=${at("good")},${at("mount")}`,
		`--sensu-plugin-paths=${at("mount")}`,
		...["--command-timeout", "15"],
	]);
	const check = (plugin_name: string) =>
		post(daemon.port, "/monitor", { plugin_name });
	const answered: string[] = [];
	const hanging = Array.from({ length: 30 }, async (_, n) => {
		const answer = await check(`check_hangs_${n}`);
		answered.push("hanging");
		return answer;
	});
	// more other checks than the pool has threads
	await Promise.all(
		Array.from({ length: 12 }, async () => {
			const { json } = await check("check_good");
			answered.push("good");
			assert.deepEqual(json, { return_value: 0, message: "fine\n" });
		}),
	);
	const appended = await post(daemon.port, "/metric/append", {
		metric_data: [{ hostname: "h", timestamp: 5, metrics: { "a.b": 1 } }],
	});
	assert.equal(appended.status, 200);
	assert.ok(!answered.includes("hanging"));
	for (const { status, json } of await Promise.all(hanging)) {
		assert.equal(status, 500);
		const { return_value, message } = json as Record<string, unknown>;
		assert.equal(return_value, 2);
		assert.match(
			String(message),
			/^Exec timeout: \S+\/mount\/check_hangs_\d+ : plugin directory does not answer: \S+\/mount$/,
		);
	}
	assert.equal((await check("check_good")).status, 200);
	const stopped = daemon.stop();
	await eventually("the agent has ended", () => hasEnded(daemon));
	signalMount("SIGKILL");
	assert.equal((await stopped).code, 0);
});

test("plugins whose start hangs, though stat is answered, affect only the checks in their directories", async (t) => {
	const directories = ["a", "b", "c", "d"];
	const { at, signalMount, start } = await layOut(
		t,
		async (source) => {
			for (const directory of directories) {
				mkdirSync(join(source, directory));
				const file = join(source, directory, "check");
				await writeFile(file, "#!/bin/sh\necho fine\n", { mode: 0o755 });
			}
		},
		3600,
	);
	const daemon = await start([
		`--nagios-plugin-paths=${at("mount")},${at("good")}`,
		...["--command-timeout", "8", "--no-shell"],
	]);
	const ask = (plugin_name: string, plugin_option = "") =>
		post(daemon.port, "/monitor", { plugin_name, plugin_option });
	const check = async (name: string) => (await ask(name)).json;
	const fine = { return_value: 0, message: "fine\n" };
	const plugins = directories.map((directory) => `${directory}/check`);
	// stat only, no run: the kernel would ask for the attributes of files that were read
	for (const name of plugins) assert.equal((await ask(name, "$x")).status, 403);
	// the agent also knows that the plugin is not in the mount
	assert.deepEqual(await check("check_good"), fine);

	signalMount("SIGSTOP");
	const hanging = plugins.flatMap((name) =>
		Array.from({ length: 4 }, () => check(name)),
	);
	// later requests wait until the agent knows that the first starts hang
	for (let n = 0; n < 5; n++) {
		assert.deepEqual(await check("check_good"), fine);
		const appended = await post(daemon.port, "/metric/append", {
			metric_data: [{ hostname: "h", timestamp: n, metrics: { "a.b": 1 } }],
		});
		assert.equal(appended.status, 200);
	}
	for (const answer of await Promise.all(hanging)) {
		const { return_value, message } = answer as Record<string, unknown>;
		assert.equal(return_value, 2);
		assert.match(
			String(message),
			/^Exec timeout: \S+\/mount\/[abcd]\/check : the plugin could not be started in time/,
		);
	}
	assert.deepEqual(await check("check_good"), fine);
	signalMount("SIGCONT");
	for (const name of plugins)
		await eventually(`${name} runs again`, async () => {
			const { return_value } = (await check(name)) as Record<string, unknown>;
			return return_value === 0;
		});
	assert.equal((await daemon.stop()).code, 0);
});

test("metrics.yaml and the certificate on a mount that hangs block nothing, and are read once it answers", async (t) => {
	const configOf = (hostname: string) =>
		`metrics:\n- hostname: ${hostname}\n  plugins:\n  - plugin_name: metrics_good\n`;
	const { at, signalMount, start } = await layOut(t, async (source) => {
		await writeTestKeyPair(source);
		await writeFile(join(source, "metrics.yaml"), configOf("before"));
	});
	const daemon = await start([
		...["--public-key", at("mount/agent.pub")],
		...["--private-key", at("mount/agent.key")],
		...["--metric-config", at("mount/metrics.yaml")],
		`--nagios-plugin-paths=${at("good")}`,
		`--sensu-plugin-paths=${at("good")}`,
		...["--certificate-check-seconds", "1"],
		...["--collection-interval-seconds", "1"],
	]);
	const { port } = daemon;
	const status = async () => {
		const { json } = await send({ port, path: "/status" });
		return json as components["schemas"]["Status"];
	};
	const passes = async (count: number) => {
		const startedAt = async () =>
			(await status()).collection?.last_pass?.started_at;
		for (let n = 0; n < count; n++) {
			const last = await startedAt();
			await eventually("a pass", async () => (await startedAt()) !== last);
		}
	};
	const problems = async () => {
		const { certificate, collection } = await status();
		return [certificate?.problem, collection?.config_error];
	};
	const hanging = [
		`${at("mount/agent.pub")}: the file system does not answer`,
		`${at("mount/metrics.yaml")}: cannot be read: the file system does not answer`,
	];
	const hang = async () => {
		signalMount("SIGSTOP");
		await eventually(
			"both are known to hang",
			async () => (await problems()).join() === hanging.join(),
			20_000,
		);
	};
	const threads = () => readdirSync(`/proc/${daemon.process.pid}/task`).length;
	await passes(2);
	assert.deepEqual(await problems(), [undefined, null]);
	const threadsBefore = threads();

	await hang();
	// more requests than libuv's pool has threads, over several polls of the files
	for (let n = 0; n < 5; n++) {
		assert.equal((await send({ port, path: "/" })).status, 200);
		const { json } = await post(port, "/monitor", {
			plugin_name: "check_good",
		});
		assert.deepEqual(json, { return_value: 0, message: "fine\n" });
		const appended = await post(port, "/metric/append", {
			metric_data: [{ hostname: "h", timestamp: n, metrics: { "a.b": 1 } }],
		});
		assert.equal(appended.status, 200);
		const shown = await send({ port, path: "/metric/config" });
		assert.match(shown.text, /does not answer".*"hostname":"before"/);
		await passes(1);
	}
	const { collection } = await status();
	assert.equal(collection?.last_pass?.stored, true);
	// two threads for the hanging polls; LevelDB may have started one or two of its own
	await eventually(
		"polls do not accumulate",
		() => threads() <= threadsBefore + 4,
	);
	const updated = await post(port, "/metric/config/update", {
		config: { Metrics: [] },
	});
	assert.deepEqual(updated.json, {
		status: "NG",
		message: `${at("mount/metrics.yaml")}: the file system does not answer`,
	});
	assert.equal(daemon.stdout().split("does not answer").length - 1, 2);

	await writeFile(at("source/metrics.yaml"), configOf("after"));
	signalMount("SIGCONT");
	await eventually("both are read again", async () =>
		(await problems()).every((problem) => !problem),
	);
	assert.match(
		(await send({ port, path: "/metric/config" })).text,
		/"hostname":"after"/,
	);
	assert.match(
		daemon.stdout(),
		/\[warning\] .*metrics\.yaml: has changed, now in use\n/,
	);
	assert.match(
		daemon.stdout(),
		/\[warning\] certificate .*: unchanged: CN=test/,
	);

	await hang();
	const stopped = daemon.stop();
	await eventually("the agent has ended", () => hasEnded(daemon));
	signalMount("SIGKILL");
	assert.equal((await stopped).code, 0);
});

test("a start waits for a certificate on a mount that hangs, and says so; a second signal ends it", async (t) => {
	const { at, signalMount, launch } = await layOut(t);
	const started = launch([
		...["--public-key", at("mount/agent.pub")],
		...["--private-key", at("mount/agent.key")],
	]);
	await started.printed(
		/\[error\] \S+\/mount\/agent\.pub: the file system does not answer, startup is waiting for it\n/,
	);
	// another signal, because a second one of the same kind might be lost
	for (const signal of ["SIGINT", "SIGTERM"] as const)
		started.process.kill(signal);
	await eventually("it has ended", () => hasEnded(started));
	signalMount("SIGKILL");
	assert.equal((await started.exited).code, 1);
});
