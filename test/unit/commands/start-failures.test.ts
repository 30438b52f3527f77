import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
	closeSync,
	constants,
	copyFileSync,
	openSync,
	readFileSync,
} from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { createCommands } from "../../../src/commands/command.ts";
import { missingPlugin, pluginCommand } from "../../../src/commands/plugin.ts";
import { chooseEngine } from "../../../src/spawn/engine.ts";
import { startingOpenFiles } from "../../../src/spawn/open-files.ts";
import { engines } from "../../support/engine.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

/** Parts that a test replaces. */
interface Parts {
	openFiles?: number;
	/** Called before each attempt to start a program. */
	beforeStart?: () => void;
}

const limits = { timeoutMilliseconds: 60_000 };

for (const { name, skip } of engines)
	describe(`the engine ${name}`, { skip: skip ?? false }, () => {
		const open = (
			t: Parameters<typeof temporaryDirectory>[0],
			{ openFiles, beforeStart = () => {} }: Parts = {},
		) => {
			const environment = { PATH: process.env.PATH ?? "" };
			const engine = chooseEngine(name, {
				environment,
				log: { warning: assert.fail },
				openFiles,
			});
			const commands = createCommands({
				engine: {
					...engine,
					startProcess: (...given) => {
						beforeStart();
						return engine.startProcess(...given);
					},
				},
				outputLimitBytes: 1 << 20,
				environment,
				log: { error: assert.fail, warning: assert.fail },
			});
			t.after(() => commands.close());
			return commands;
		};

		test("retries a plugin while it is being written, then answers busy", async (t) => {
			let starts = 0;
			const commands = open(t, {
				beforeStart: () => {
					starts--;
					if (starts === 0) closeSync(writer);
				},
			});
			const file = join(await temporaryDirectory(t), "check");
			copyFileSync("/bin/true", file);
			await chmod(file, 0o755);
			const line = { file, args: [] };
			const writer = openSync(file, constants.O_WRONLY);
			const error = await commands.run(line, limits).then(
				() => undefined,
				(reason: unknown) => reason,
			);
			assert.deepEqual(missingPlugin(error, pluginCommand(file, "")), {
				missing: "busy",
				file,
			});
			// its writer finishes while the start is retried
			starts = 2;
			assert.equal((await commands.run(line, limits)).exitStatus, 0);
		});

		test("a program's own output does not count as a failed start", async (t) => {
			const file = join(await temporaryDirectory(t), "check");
			await writeFile(
				file,
				`#!/bin/sh\necho "check: $0: Text file busy" >&2; exit 126\n`,
				{ mode: 0o755 },
			);
			const result = await open(t).run({ file, args: [] }, limits);
			assert.equal(result.exitStatus, 126);
		});

		test("sets the given soft limit of open files", async (t) => {
			const line = { file: "/bin/sh", args: ["-c", "ulimit -Sn; ulimit -Hn"] };
			const hard = openFiles().hard;
			assert.equal(
				(await open(t, { openFiles: 77 }).run(line, limits)).stdout.text,
				`77\n${hard}\n`,
			);
			assert.equal(
				(await open(t).run(line, limits)).stdout.text,
				`${openFiles().soft}\n${hard}\n`,
			);
		});

		test("gives a command the same attributes as a shell does", async (t) => {
			const facts = [
				"grep -E '^(Sig(Blk|Ign|Cgt)|Umask|CoreDumping|NoNewPrivs|Seccomp):' /proc/self/status",
				"nice",
				"cat /proc/self/oom_score_adj /proc/self/coredump_filter",
				"grep -v -E 'open files|pending signals' /proc/self/limits",
			].join("; ");
			const shell = spawnSync("/bin/sh", ["-c", facts], { encoding: "utf8" });
			assert.equal(shell.status, 0);
			const { stdout } = await open(t).run(
				{ file: "/bin/sh", args: ["-c", facts] },
				limits,
			);
			assert.equal(stdout.text, shell.stdout);
		});
	});

function openFiles() {
	const text = readFileSync("/proc/self/limits", "utf8");
	const [, soft, hard] = /^Max open files +(\d+) +(\d+)/m.exec(text) ?? [];
	return { soft: Number(soft), hard: Number(hard) };
}

test("the starting soft limit is the parent's, or 1024 under systemd", () => {
	const limit = (soft: number, hard: number) =>
		`Limit Soft Hard Units\nMax open files            ${soft}                ${hard}                files\n`;
	const read = (files: Record<string, string>) => (file: string) => {
		const text = files[file];
		if (text === undefined) throw new Error(`no ${file}`);
		return text;
	};
	const self = { "/proc/self/limits": limit(20_000, 20_000) };
	const shell = {
		...self,
		"/proc/7/limits": limit(1500, 20_000),
		"/proc/7/comm": "bash\n",
	};
	assert.equal(startingOpenFiles(7, read(shell)), 1500);
	const systemd = {
		...self,
		"/proc/1/limits": limit(1_048_576, 1_048_576),
		"/proc/1/comm": "systemd\n",
	};
	assert.equal(startingOpenFiles(1, read(systemd)), 1024);
	// a container's first process has no parent
	assert.equal(startingOpenFiles(0, read(self)), 1024);
	const small = { "/proc/self/limits": limit(500, 500) };
	assert.equal(startingOpenFiles(0, read(small)), 500);
	assert.equal(startingOpenFiles(7, read({})), undefined);
});
