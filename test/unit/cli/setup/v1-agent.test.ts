import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Tools } from "../../../../cli/ctl/doctor/tools.ts";
import { findV1 } from "../../../../cli/setup/v1-agent.ts";
import { machineIn } from "../../../support/setup-machine.ts";
import { temporaryDirectory } from "../../../support/temporary.ts";

/** Starts a shell that waits, with a command line like that of v1. */
async function startShell(t: TestContext, file: string, name: string) {
	const child = spawn(file, ["-c", "echo; read wait", "daemon"], {
		argv0: name,
		stdio: ["pipe", "pipe", "inherit"],
	});
	const closed = once(child, "close");
	t.after(async () => {
		child.stdin.end();
		await closed;
	});
	await once(child.stdout, "data");
	return child.pid;
}

/** Looks for v1 among the processes; the programs that it runs all say that they are v1. */
async function findIn(t: TestContext, directory: string) {
	const started: string[] = [];
	const tools: Tools = {
		async run(words) {
			const [program = ""] = words.filter((word) => word.startsWith(directory));
			if (program === "") return undefined;
			started.push(program);
			const stdout = "happo-agent version 1.1.0\n";
			return { status: 0, isTimedOut: false, stdout, stderr: "" };
		},
		close: async () => {},
	};
	const machine = machineIn("");
	t.after(() => machine.end());
	const found = await findV1({ ...machine, tools }, "");
	return { found, started };
}

test("a process that runs v1 is found, and its program is asked", async (t) => {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "happo-agent");
	await copyFile("/bin/sh", file);
	await chmod(file, 0o755);
	const pid = await startShell(t, file, "happo-agent");
	const { found, started } = await findIn(t, directory);
	assert.deepEqual(started, [file]);
	assert.equal(found?.pid, pid);
	assert.equal(found?.program, file);
});

test("what another program calls itself is not run", async (t) => {
	// as with a set-user-ID program, whose first word any user can choose
	const directory = await temporaryDirectory(t);
	const file = join(directory, "happo-agent");
	await writeFile(file, "#!/bin/sh\n", { mode: 0o755 });
	await startShell(t, "/bin/sh", file);
	assert.deepEqual(await findIn(t, directory), {
		...{ found: undefined, started: [] },
	});
});

test("a program of another user is not run", {
	skip: process.getuid?.() === 0 ? false : "not root",
}, async (t) => {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "happo-agent");
	await copyFile("/bin/sh", file);
	await chmod(file, 0o755);
	await chown(file, 4321, 4321);
	await startShell(t, file, "happo-agent");
	assert.deepEqual(await findIn(t, directory), {
		...{ found: undefined, started: [] },
	});
});
