import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { closeSync, openSync, readdirSync } from "node:fs";
import { chmod, mkdir, open as openFile, writeFile } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { exitCode } from "../../../src/commands/answer.ts";
import {
	CommandStartError,
	createCommands,
} from "../../../src/commands/command.ts";
import { loadNativeAddon } from "../../../src/spawn/native-addon.ts";
import {
	createNativeEngine,
	signalName,
} from "../../../src/spawn/native-engine.ts";
import type { Engine } from "../../../src/spawn/started.ts";
import { nativeMissing, testEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const limits = { timeoutMilliseconds: 60_000 };
const sh = (script: string, ...args: string[]) => ({
	file: "/bin/sh",
	args: ["-c", script, "sh", ...args],
});

function open(
	t: Pick<TestContext, "after">,
	environment: Record<string, string> = { PATH: process.env.PATH ?? "" },
	engine: Engine = testEngine("native"),
) {
	const commands = createCommands({
		engine,
		outputLimitBytes: 1 << 20,
		environment,
		log: { error: assert.fail, warning: assert.fail },
	});
	t.after(() => commands.close());
	return {
		commands,
		run: (file: string, ...args: string[]) =>
			commands.run({ file, args }, limits),
	};
}

const descriptors = () => readdirSync("/proc/self/fd").length;

/** Runs a module in a new Node process; returns its standard output. */
function inAnotherNode(program: string) {
	const module = (path: string) =>
		JSON.stringify(import.meta.resolve(`../../../src/${path}.js`));
	const { stdout, stderr, status } = spawnSync(
		process.execPath,
		[
			"--input-type=module",
			"-e",
			`import * as fs from "node:fs";
			const { createCommands } = await import(${module("commands/command")});
			const { chooseEngine } = await import(${module("spawn/engine")});
			const environment = { PATH: "/usr/bin:/bin" };
			const engine = chooseEngine("native", { environment, log: {} });
			const commands = createCommands({ engine, outputLimitBytes: 1 << 20, environment, log: { error() {} } });
			const run = (...args) => commands.run({ file: "/bin/sh", args: ["-c", ...args] }, { timeoutMilliseconds: 60000 });
			${program}`,
		],
		{ encoding: "utf8", timeout: 30_000 },
	);
	assert.equal(stderr, "");
	assert.equal(status, 0);
	return stdout;
}

describe("the native engine", { skip: nativeMissing() ?? false }, () => {
	test("gives plugins pipes, which they can open by name", async (t) => {
		const { stdout, stderr } = await open(t).run(
			"/bin/sh",
			"-c",
			"echo out > /dev/stdout; echo err > /dev/stderr; readlink /proc/$$/fd/1",
		);
		assert.match(stdout.text, /^out\npipe:\[\d+\]\n$/);
		assert.equal(stderr.text, "err\n");
	});

	test("reports a death by a real-time signal", async (t) => {
		const { run } = open(t);
		const died = await run("/bin/sh", "-c", "kill -37 $$");
		assert.equal(died.exitStatus, undefined);
		assert.equal(died.signalNumber, 37);
		assert.match(died.signal ?? "", /^SIGRTMIN\+[23]$/);
		assert.equal(exitCode(died), 128 + 37);
		assert.equal(
			(await run("/bin/sh", "-c", "kill -ABRT $$")).signal,
			"SIGABRT",
		);
	});

	test("starts a program directly, with its own name and no shell variables", async (t) => {
		const { run } = open(t, { A: "1" });
		assert.equal((await run("/usr/bin/env")).stdout.text, "A=1\n");
		const { stdout } = await run("/bin/cat", "/proc/self/cmdline");
		assert.equal(stdout.text, "/bin/cat\0/proc/self/cmdline\0");
		assert.equal((await open(t, {}).run("/usr/bin/env")).stdout.text, "");
	});

	test("finds bare names in the command's PATH, not the agent's", async (t) => {
		const directory = await temporaryDirectory(t);
		const at = (...path: string[]) => join(directory, ...path);
		for (const folder of ["none", "dir/tool", "good"])
			await mkdir(at(folder), { recursive: true });
		await writeFile(at("none/tool"), "#!/bin/sh\necho none\n", { mode: 0o644 });
		await writeFile(at("good/tool"), '#!/bin/sh\necho "good $1"\n');
		await chmod(at("good/tool"), 0o755);
		const pathOf = (...folders: string[]) => ({
			PATH: folders.map((folder) => at(folder)).join(":"),
		});
		const { run } = open(t, pathOf("missing", "none", "dir", "good"));
		assert.equal((await run("tool", "x")).stdout.text, "good x\n");
		const refused = open(t, pathOf("none", "missing")).run("tool");
		await assert.rejects(refused, { code: "EACCES" });
		await assert.rejects(open(t, pathOf("good")).run("ls"), { code: "ENOENT" });
		// without PATH, the default of execvp
		assert.equal((await open(t, {}).run("ls", "/dev/null")).exitStatus, 0);
	});

	test("runs a script without a shebang through the shell, even one found in PATH", async (t) => {
		const directory = await temporaryDirectory(t);
		const file = join(directory, "plain");
		await writeFile(file, 'echo "$0 $1"; exit 3\n', { mode: 0o755 });
		for (const name of [file, "plain"]) {
			const { run } = open(t, { PATH: `/nonexistent:${directory}` });
			const result = await run(name, "a b");
			assert.equal(result.stdout.text, `${file} a b\n`);
			assert.equal(result.exitStatus, 3);
		}
	});

	test("reports a missing interpreter", async (t) => {
		const file = join(await temporaryDirectory(t), "script");
		await writeFile(file, "#!/nonexistent/interpreter\n", { mode: 0o755 });
		await assert.rejects(
			open(t).run(file),
			(error) => error instanceof CommandStartError && error.code === "ENOENT",
		);
	});

	test("refuses NUL in the environment, and accepts any other text", async (t) => {
		await assert.rejects(open(t, { A: "a\0B=b" }).run("/bin/true"), {
			code: "EINVAL",
		});
		const { run } = open(t, { A: "" });
		const text = "é\ud800\u{1f600}";
		const { stdout } = await run(
			"/bin/sh",
			"-c",
			'printf "%s" "$1"',
			"sh",
			text,
		);
		assert.equal(stdout.text, "é\ufffd\u{1f600}");
	});

	test("leaves the limit of a command line to the kernel", async (t) => {
		const { run } = open(t);
		const long = "x".repeat(128 * 1024 - 1);
		assert.equal((await run("/bin/true", long)).exitStatus, 0);
		await assert.rejects(run("/bin/true", `${long}x`), { code: "E2BIG" });
		const many = Array.from({ length: 100 }, () => long);
		await assert.rejects(run("/bin/true", ...many), { code: "E2BIG" });
	});

	test("500 starts, some failed, leave no descriptor, listener or zombie behind", async (t) => {
		const { run } = open(t);
		// libuv opens a descriptor of its own with the first socket
		await run("/bin/sleep", "0.1");
		const before = descriptors();
		const outcomes = await Promise.all(
			Array.from({ length: 500 }, (_, n) =>
				run(n % 2 ? "/bin/true" : "/nonexistent").then(
					({ exitStatus }) => exitStatus,
					({ code }) => code,
				),
			),
		);
		for (const [n, outcome] of outcomes.entries())
			assert.equal(outcome, n % 2 ? 0 : "ENOENT");
		await eventually("descriptors are closed", () => descriptors() <= before);
		assert.equal(process.listenerCount("SIGCHLD"), 0);
		const children = spawnSync("ps", [
			"-o",
			"stat=",
			"--ppid",
			`${process.pid}`,
		]);
		if (!children.error) assert.doesNotMatch(children.stdout.toString(), /^Z/m);
	});

	test("close waits for a start in progress, and stops its process", async (t) => {
		const { commands, run } = open(t);
		await run("/bin/true");
		const seconds = `300.${process.pid}`;
		const running = run("/bin/sleep", seconds);
		// the start is with the addon and has not returned
		for (let n = 0; n < 10; n++) await undefined;
		await commands.close({ graceMilliseconds: 100 });
		const { stdout } = spawnSync("ps", ["-eo", "args"], { encoding: "utf8" });
		assert.ok(!stdout.includes(seconds), "it goes on");
		const { cancelled, signal } = await running;
		assert.deepEqual([cancelled, signal], [true, "SIGTERM"]);
	});

	test("fails without descriptors, and leaves none open", () => {
		const said = inAnotherNode(`
			// its outputs are watched: with the first socket, libuv opens a descriptor of its own for
			// good
			await run("sleep 0.1");
			const count = () => fs.readdirSync("/proc/self/fd").length;
			// one descriptor fewer for each attempt
			const open = [];
			try { for (;;) open.push(fs.openSync("/dev/null")); } catch {}
			const codes = new Set();
			for (let free = 0; free < 5; free++) {
				for (let n = 0; n < 20; n++)
					codes.add(await run("exit 5").then(({ exitStatus }) => exitStatus, ({ code }) => code));
				fs.closeSync(open.pop());
			}
			while (open.length > 50) fs.closeSync(open.pop());
			const before = count();
			for (let n = 0; n < 20; n++) await run("");
			await new Promise((resolve) => setTimeout(resolve, 200));
			console.log([...codes].join(), count() - before);`);
		assert.equal(said, "EMFILE 0\n");
	});

	test("reports all of 300 commands that end at once", async (t) => {
		const { commands } = open(t);
		const directory = await temporaryDirectory(t);
		const gate = join(directory, "gate");
		spawnSync("mkfifo", [gate]);
		const running = Array.from({ length: 300 }, (_, n) =>
			commands.run(
				sh(`: > "$2"; : < "$1"; exit ${n % 200}`, gate, `${directory}/${n}`),
				limits,
			),
		);
		await eventually(
			"all wait",
			() => readdirSync(directory).length === 301,
			60_000,
		);
		// opening it for writing releases all readers
		await promisify(execFile)("/bin/sh", ["-c", ': > "$1"', "sh", gate]);
		const results = await Promise.all(running);
		for (const [n, { exitStatus }] of results.entries())
			assert.equal(exitStatus, n % 200);
	});

	test("does not reap children of node:child_process, nor the other way round", async (t) => {
		const { commands } = open(t);
		const child = promisify(execFile);
		const results = await Promise.all(
			Array.from({ length: 100 }, async (_, n) => {
				const script = `sleep 0.0${n % 10}; exit ${n}`;
				return n % 2
					? (await commands.run(sh(script), limits)).exitStatus
					: await child("/bin/sh", ["-c", script]).then(
							() => 0,
							({ code }) => code,
						);
			}),
		);
		for (const [n, status] of results.entries()) assert.equal(status, n);
	});

	test("CPU time includes that of processes that it has waited for", async (t) => {
		const { commands } = open(t);
		const burn = "n=0; while [ $n -lt 100000 ]; do n=$((n+1)); done";
		const { cpuSeconds: little = -1 } = await commands.run(sh("true"), limits);
		const { cpuSeconds: much = -1 } = await commands.run(
			sh(`sh -c '${burn}'; true`),
			limits,
		);
		assert.ok(little >= 0);
		assert.ok(much > little + 0.01, `${little} and ${much} seconds`);
	});

	test("peak memory is told only if it is not that of this process", async (t) => {
		const { commands, run } = open(t);
		const small = await commands.run(sh("true"), limits);
		assert.equal(small.exitStatus, 0);
		assert.equal(small.maxRssBytes, undefined);
		const bytes = Math.ceil(process.resourceUsage().maxRSS * 1024 * 1.3);
		const large = await run(
			process.execPath,
			...["-e", `Buffer.alloc(${bytes}).fill(1)`],
		);
		const { maxRssBytes = 0 } = large;
		assert.ok(maxRssBytes > bytes, `${maxRssBytes} of ${bytes}`);
		assert.ok(maxRssBytes < bytes + 200 * 2 ** 20, `${maxRssBytes}`);
	});

	test("the addon is loaded once", () => {
		assert.equal(loadNativeAddon(), loadNativeAddon());
	});

	test("a child reaped elsewhere still ends", async () => {
		const addon = loadNativeAddon();
		assert.ok(!("reason" in addon));
		const neverStarted = () => assert.fail("it was started");
		const block = (...strings: string[]) =>
			Buffer.from(strings.map((string) => `${string}\0`).join(""));
		const started = await new Promise((resolve) =>
			addon.spawn(block("/bin/echo"), block("echo"), block(), true, resolve),
		);
		assert.ok(Array.isArray(started));
		const [pid, stdout, stderr] = started as number[];
		assert.ok(pid && stdout);
		assert.equal(stderr, -1);
		let end = addon.reap(pid);
		while (!end) end = addon.reap(pid);
		assert.deepEqual(end.slice(0, 3), [0, -1, 0]);
		assert.deepEqual(addon.reap(pid), [-1, -1, 0, -1, -1]);
		assert.deepEqual(addon.drain(stdout), [Buffer.from("\n"), true]);
		assert.deepEqual(addon.drain(stdout), [undefined, true], "it is closed");
		for (const fd of [-1, "1"])
			assert.throws(() => addon.drain(fd as number), TypeError);
		for (const pid of [0, -1, "1"])
			assert.throws(() => addon.reap(pid as number), TypeError);
		const notTerminated = Buffer.from("/bin/true");
		assert.throws(
			() => addon.spawn(notTerminated, block("x"), block(), true, neverStarted),
			TypeError,
		);
		for (const file of ["/bin/true" as never, block(), block("a", "b")])
			assert.throws(
				() => addon.spawn(file, block("x"), block(), true, neverStarted),
				TypeError,
			);
	});

	test("a start on its own thread needs no pool thread, and reports its end like any other", async (t) => {
		const addon = loadNativeAddon();
		assert.ok(!("reason" in addon));
		const { run } = open(
			t,
			{ PATH: "" },
			createNativeEngine({
				...addon,
				spawn: (file, argv, envp, merged, started) =>
					addon.spawn(file, argv, envp, merged, started, 0, true),
			}),
		);
		const fifo = join(await temporaryDirectory(t), "fifo");
		spawnSync("mkfifo", [fifo]);
		// each holds a pool thread until the pipe is written to
		const held = Array.from({ length: 8 }, () => openFile(fifo, "r"));
		try {
			const before = descriptors();
			for (let n = 0; n < 20; n++) {
				const { stdout, exitStatus } = await run(
					"/bin/sh",
					...["-c", `echo ${n}; exit ${n}`],
				);
				assert.deepEqual([stdout.text, exitStatus], [`${n}\n`, n]);
				await assert.rejects(run("/nonexistent/program"), { code: "ENOENT" });
			}
			assert.equal(descriptors(), before);
		} finally {
			const writer = openSync(fifo, "r+");
			for (const handle of held) await (await handle).close();
			closeSync(writer);
		}
	});

	test("works if the agent's standard descriptors are closed", () => {
		const file = join(process.cwd(), "build", `closed-${process.pid}`);
		inAnotherNode(`
			for (const fd of [0, 1, 2]) fs.closeSync(fd);
			const { stdout, stderr } = await run("echo out; echo err >&2; readlink /proc/$$/fd/0");
			const merged = await commands.run({ file: "/bin/sh", args: ["-c", "echo 1; echo 2 >&2"], merged: true }, { timeoutMilliseconds: 60000 });
			fs.writeFileSync(${JSON.stringify(file)}, stdout.text + stderr.text + merged.stdout.text);`);
		const { stdout } = spawnSync("cat", [file], { encoding: "utf8" });
		spawnSync("rm", [file]);
		assert.equal(stdout, "out\n/dev/null\nerr\n1\n2\n");
	});

	test("a running command does not keep a process alive that has closed its outputs", () => {
		const said = inAnotherNode(`
			const started = await engine.startProcess({ file: "/bin/sleep", args: ["300"] }, environment);
			started.onExit(() => {});
			for (const output of [started.stdout, started.stderr]) {
				output.listen(() => {}, () => {});
				output.unref();
			}
			started.unref();
			console.log(started.pid);`);
		const pid = Number(said);
		assert.ok(pid > 1);
		process.kill(-pid, "SIGKILL");
	});
});

test("signals have the names of Node", () => {
	assert.equal(signalName(constants.signals.SIGKILL), "SIGKILL");
	assert.equal(signalName(constants.signals.SIGABRT), "SIGABRT");
	assert.equal(signalName(constants.signals.SIGIO), "SIGIO");
});

test("real-time signals are counted from the first", () => {
	assert.equal(signalName(34, 34), "SIGRTMIN");
	assert.equal(signalName(37, 34), "SIGRTMIN+3");
	assert.equal(signalName(64, 35), "SIGRTMIN+29");
	assert.equal(signalName(33, 34), "signal 33");
	assert.equal(signalName(40), "signal 40");
});
