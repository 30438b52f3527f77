import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { access, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { ClassicLevel } from "classic-level";
import { CommandStartError } from "../../../src/commands/command.ts";
import { type StopTimes, stopTimes } from "../../../src/commands/execution.ts";
import type { Engine } from "../../../src/spawn/started.ts";
import {
	commandsOf,
	groupMembers,
	patient,
	plugin,
	sh,
	until,
} from "../../support/commands.ts";
import { engines } from "../../support/engine.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const exists = (file: string) =>
	access(file).then(
		() => true,
		() => false,
	);

/** Creates `commands` in a program that a test runs with `node -e`. */
function openThere(engineName: Engine["name"], outputLimitBytes: number) {
	const module = (path: string) =>
		JSON.stringify(import.meta.resolve(`../../../src/${path}.js`));
	return `
		const { createCommands } = await import(${module("commands/command")});
		const { chooseEngine } = await import(${module("spawn/engine")});
		const engine = chooseEngine("${engineName}", { environment: {}, log: {} });
		const commands = createCommands({ engine, outputLimitBytes: ${outputLimitBytes}, environment: {}, log: { error() {} } });`;
}

/** Short waits, so that no test takes seconds to kill a command. */
const soon: StopTimes = { killAfter: 1000, giveUpAfter: 300 };

test("SIGKILL comes three seconds after SIGTERM, the answer for a survivor one second later", () => {
	assert.deepEqual(stopTimes, { killAfter: 3000, giveUpAfter: 1000 });
});

// concurrent, as they wait most of the time
describe("commands", { concurrency: true }, () => {
	for (const { name: engineName, skip } of engines)
		describe(`commands of the ${engineName} engine`, {
			skip: skip ?? false,
			concurrency: 1,
		}, () => {
			const openCommands = (
				t: Pick<TestContext, "after">,
				parts?: Parameters<typeof commandsOf>[2],
			) => commandsOf(engineName, t, parts);

			describe("a command", { concurrency: true }, () => {
				test("answers with its exit status and outputs", async (t) => {
					const commands = openCommands(t);
					const result = await commands.run(plugin("check_both", "2"), patient);
					assert.equal(result.exitStatus, 2);
					assert.equal(result.signal, undefined);
					assert.deepEqual(result.stdout, {
						text: "this is stdout\n",
						bytes: 15,
						kept: 15,
						cut: false,
					});
					assert.equal(result.stderr.text, "this is stderr\n");
					assert.ok(!result.timedOut && !result.cancelled && !result.survived);
					assert.ok(result.durationMilliseconds > 0);
					// absent, not 0, with the engine that cannot know it
					assert.equal("cpuSeconds" in result, engineName === "native");
					assert.equal(result.maxRssBytes, undefined);
					assert.deepEqual(commands.logged, []);
					assert.equal(commands.running, 0);
				});

				test("gets its arguments unchanged", async (t) => {
					const args = [
						"a b",
						"",
						"'",
						'"',
						"$HOME",
						"*",
						"\n",
						"é",
						"-n",
						"\\",
					];
					const { stdout } = await openCommands(t).run(
						sh('printf "<%s>" "$@"', ...args),
						patient,
					);
					assert.equal(stdout.text, args.map((arg) => `<${arg}>`).join(""));
				});

				test("reports a death by signal", async (t) => {
					const result = await openCommands(t).run(
						plugin("check_killed", "9"),
						patient,
					);
					assert.equal(result.exitStatus, undefined);
					assert.equal(result.signal, "SIGKILL");
					assert.equal(result.signalNumber, 9);
					assert.equal(result.stdout.text, "about to die\n");
				});

				test("leads its own session and group, with /dev/null as input and no signal ignored", async (t) => {
					const commands = openCommands(t);
					const { stdout } = await commands.run(
						sh(
							"readlink /proc/$$/fd/0; cut -d ' ' -f 5,6 /proc/$$/stat; echo $$",
						),
						patient,
					);
					const [input, ids, pid] = stdout.text.split("\n");
					assert.equal(input, "/dev/null");
					assert.equal(ids, `${pid} ${pid}`);
					const signals = await commands.run(
						{
							file: "/bin/grep",
							args: ["-E", "^Sig(Ign|Blk)", "/proc/self/status"],
						},
						patient,
					);
					assert.equal(
						signals.stdout.text,
						"SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n",
					);
				});

				test("gets the environment it was given", async (t) => {
					const environment = {
						A: "1",
						B: "x y\nz",
						BASH_ENV: "/dev/stdin",
						"BASH_FUNC_exec%%": "() { echo stolen; }",
					};
					const { stdout, stderr } = await openCommands(t, { environment }).run(
						{ file: "/usr/bin/env", args: ["-0"] },
						patient,
					);
					const variables = stdout.text
						.split("\0")
						.filter((entry) => entry !== "");
					// bash cannot be kept from setting these
					const added = variables.filter((entry) => entry !== "SHLVL=0");
					const names = added.map((entry) =>
						entry.slice(0, entry.indexOf("=")),
					);
					assert.deepEqual(names.sort(), Object.keys(environment).sort());
					assert.ok(added.includes("B=x y\nz"));
					assert.equal(stderr.text, "");
				});

				test("keeps PWD and SHLVL if the environment has them", async (t) => {
					const environment = { PWD: process.cwd(), SHLVL: "3" };
					const { stdout } = await openCommands(t, { environment }).run(
						{ file: "/usr/bin/env", args: [] },
						patient,
					);
					assert.deepEqual(stdout.text.trim().split("\n").sort(), [
						`PWD=${process.cwd()}`,
						"SHLVL=3",
					]);
				});

				test("may be a script without a shebang", async (t) => {
					const file = join(await temporaryDirectory(t), "plain");
					await writeFile(file, 'echo "plain $1"; exit 3\n', { mode: 0o755 });
					const result = await openCommands(t).run(
						{ file, args: ["x"] },
						patient,
					);
					assert.equal(result.stdout.text, "plain x\n");
					assert.equal(result.exitStatus, 3);
				});

				test("has its outputs merged in the order written", async (t) => {
					const { stdout, stderr } = await openCommands(t).run(
						{ ...sh("echo 1; echo 2 >&2; echo 3; echo 4 >&2"), merged: true },
						patient,
					);
					assert.equal(stdout.text, "1\n2\n3\n4\n");
					assert.equal(stderr.text, "");
				});

				test("inherits no descriptor above 2 while a store is open", async (t) => {
					const directory = await temporaryDirectory(t);
					const store = new ClassicLevel(join(directory, "db"));
					await store.open();
					await store.put("key", "value");
					t.after(() => store.close());
					const list = { file: "/bin/ls", args: ["-l", "/proc/self/fd"] };
					const leaked = spawnSync(list.file, list.args, { encoding: "utf8" });
					assert.match(
						leaked.stdout,
						/\/db\/LOCK/,
						"the store no longer leaks",
					);

					const commands = openCommands(t);
					for (const line of [
						list,
						{ ...list, merged: true },
						sh("ls -l /proc/self/fd; :"),
					]) {
						const { stdout } = await commands.run(line, patient);
						const descriptors = stdout.text
							.split("\n")
							.filter((row) => row.includes(" -> "))
							// the folder that ls itself reads
							.filter((row) => !/ -> \/proc\/\d+\/fd$/.test(row))
							.map((row) => /(\d+) -> /.exec(row)?.[1]);
						assert.deepEqual(descriptors, ["0", "1", "2"]);
					}
					assert.deepEqual(commands.logged, []);
				});
			});

			describe("output", { concurrency: true }, () => {
				test("is kept up to the limit, inclusive", async (t) => {
					const whole = await openCommands(t, {
						outputLimitBytes: 1 << 20,
					}).run(plugin("check_1mb"), patient);
					assert.equal(whole.stdout.text.length, 1 << 20);
					assert.equal(whole.stdout.cut, false);
					const less = await openCommands(t, {
						outputLimitBytes: 1_048_575,
					}).run(plugin("check_1mb"), patient);
					assert.equal(less.stdout.text.length, 1_048_575);
					assert.equal(less.exitStatus, 0);
					assert.deepEqual(
						{ ...less.stdout, text: "" },
						{ text: "", bytes: 1 << 20, kept: 1_048_575, cut: true },
					);
				});

				test("is read and dropped beyond the limit, for each stream", async (t) => {
					const { exitStatus, stdout, stderr } = await openCommands(t, {
						outputLimitBytes: 3,
					}).run(
						sh("head -c 20000000 /dev/zero >&2; head -c 30000000 /dev/zero"),
						patient,
					);
					assert.equal(exitStatus, 0);
					assert.deepEqual(stdout, {
						text: "\0\0\0",
						bytes: 30_000_000,
						kept: 3,
						cut: true,
					});
					assert.equal(stderr.bytes, 20_000_000);
				});

				test("waits for memory beyond 64 KiB, for both streams at once, and is complete", async (t) => {
					const commands = openCommands(t);
					const asked: number[] = [];
					let give = () => {};
					const running = commands.run(
						sh("yes | head -c 300000; yes | head -c 300000 >&2"),
						{
							...patient,
							reserve: (bytes) =>
								new Promise<void>((resolve) => {
									asked.push(bytes);
									give = resolve;
								}),
						},
					);
					await until("it asks for memory", () => asked.length > 0);
					assert.equal(
						await Promise.race([running, setTimeout(600, "waits")]),
						"waits",
					);
					give();
					const { stdout, stderr, lacksMemory } = await running;
					assert.deepEqual(asked, [2 * (1 << 20)]);
					assert.equal(lacksMemory, false);
					assert.equal(stdout.text, "y\n".repeat(150_000));
					assert.equal(stderr.text, "y\n".repeat(150_000));
				});

				test("that ended before it got memory is complete, too", async (t) => {
					const commands = openCommands(t);
					const { stdout, lacksMemory } = await commands.run(
						sh("yes | head -c 180000"),
						{ ...patient, reserve: () => setTimeout(600) },
					);
					assert.equal(lacksMemory, false);
					assert.equal(stdout.text.length, 180_000);
				});

				test("without memory is dropped, and reported as missing", async (t) => {
					const commands = openCommands(t);
					const reserve = () => Promise.reject(new Error("no memory"));
					const loud = await commands.run(sh("yes | head -c 600000; exit 1"), {
						...patient,
						reserve,
					});
					assert.equal(loud.exitStatus, 1);
					assert.equal(loud.lacksMemory, true);
					const quiet = await commands.run(sh("yes | head -c 60000"), {
						...patient,
						reserve,
					});
					assert.equal(quiet.lacksMemory, false);
					assert.equal(quiet.stdout.text.length, 60_000);
				});

				test("may split a character between two writes", async (t) => {
					const { stdout } = await openCommands(t).run(
						sh("printf '\\303'; sleep 0.2; printf '\\251\\n'"),
						patient,
					);
					assert.equal(stdout.text, "é\n");
				});

				test("with invalid UTF-8 is replaced, a byte order mark kept", async (t) => {
					const commands = openCommands(t);
					const bad = await commands.run(plugin("check_badutf8"), patient);
					assert.equal(bad.stdout.text, "bad �� byte � trunc � end\n");
					const marked = await commands.run(
						sh("printf '\\357\\273\\277a'"),
						patient,
					);
					assert.equal(marked.stdout.text, "\ufeffa");
				});

				test("is not truncated inside a character", async (t) => {
					const { stdout } = await openCommands(t, { outputLimitBytes: 2 }).run(
						sh("printf 'aéb'"),
						patient,
					);
					assert.deepEqual(stdout, { text: "a", bytes: 4, kept: 2, cut: true });
				});
			});

			describe("the time limit", { concurrency: true }, () => {
				test("ends the whole group with SIGTERM", async (t) => {
					const result = await openCommands(t).run(
						sh("echo $$; sleep 300 & sleep 300"),
						{ timeoutMilliseconds: 1500 },
					);
					assert.equal(result.timedOut, true);
					assert.equal(result.cancelled, false);
					assert.equal(result.signal, "SIGTERM");
					assert.ok(result.durationMilliseconds < 4400);
					const group = Number(result.stdout.text);
					await until(
						"the group is gone",
						() => groupMembers(group).length === 0,
					);
				});

				test("leaves an exit status to a command that traps SIGTERM", async (t) => {
					const result = await openCommands(t).run(
						sh("trap 'echo trapped; exit 7' TERM; sleep 300 & wait"),
						{ timeoutMilliseconds: 1500 },
					);
					assert.equal(result.timedOut, true);
					assert.equal(result.exitStatus, 7);
					assert.equal(result.stdout.text, "trapped\n");
				});

				test("is followed by SIGKILL after the grace", async (t) => {
					const result = await openCommands(t, { times: soon }).run(
						sh("trap '' TERM; echo $$; sleep 300; sleep 300"),
						{ timeoutMilliseconds: 1500 },
					);
					assert.equal(result.timedOut, true);
					assert.equal(result.signal, "SIGKILL");
					assert.equal(result.survived, false);
					assert.ok(result.durationMilliseconds >= 2400);
					// and not after its 600
					assert.ok(result.durationMilliseconds < 20_000);
					const group = Number(result.stdout.text);
					await until(
						"the group is gone",
						() => groupMembers(group).length === 0,
					);
				});

				test("kills a process that ignores SIGTERM and holds stdout after its leader has exited", async (t) => {
					const result = await openCommands(t).run(
						sh("(trap '' TERM; echo $$; sleep 300; sleep 300) & wait"),
						{ timeoutMilliseconds: 1500 },
					);
					assert.equal(result.signal, "SIGTERM");
					assert.ok(result.durationMilliseconds < 4000);
					const group = Number(result.stdout.text);
					assert.notEqual(groupMembers(group).length, 0);
					await until(
						"the group is gone",
						() => groupMembers(group).length === 0,
					);
				});

				test("gives an answer even if SIGKILL does not help", async (t) => {
					const commands = openCommands(t, {
						times: soon,
						kill: (pid, signal) => {
							if (signal !== "SIGKILL" && signal !== "SIGTERM")
								process.kill(pid, signal);
						},
					});
					const result = await commands.run(sh("echo $$; sleep 300"), {
						timeoutMilliseconds: 1500,
					});
					const group = Number(result.stdout.text);
					t.after(() => {
						if (groupMembers(group).length > 0) process.kill(-group, "SIGKILL");
					});
					assert.equal(result.survived, true);
					assert.equal(result.timedOut, true);
					assert.equal(result.exitStatus, undefined);
					assert.equal(result.signal, undefined);
					// and not after its 300
					assert.ok(result.durationMilliseconds < 20_000);
					assert.equal(commands.survivors, 1);
					assert.equal(commands.survivorsTotal, 1);
					assert.equal(commands.running, 0);
					assert.deepEqual(commands.logged, [
						`command survived SIGKILL: process ${group}, /bin/sh`,
					]);
					// it ends after all: none is left, and the total stays
					process.kill(-group, "SIGKILL");
					await until("none is there", () => commands.survivors === 0);
					assert.equal(commands.survivorsTotal, 1);
					// a second survivor of the same file is not logged again
					const next = await commands.run(sh("echo $$; sleep 300"), {
						timeoutMilliseconds: 200,
					});
					assert.equal(next.survived, true);
					assert.equal(commands.survivorsTotal, 2);
					assert.equal(commands.logged.length, 1);
					if (next.stdout.text !== "")
						process.kill(-Number(next.stdout.text), "SIGKILL");
					await until("none is there", () => commands.survivors === 0);
				});
			});

			describe("a background process", { concurrency: true }, () => {
				test("cannot delay the answer, and ends at the time limit", async (t) => {
					const result = await openCommands(t).run(
						sh("sleep 300 & echo $$; exit 1"),
						{ timeoutMilliseconds: 5000 },
					);
					assert.equal(result.exitStatus, 1);
					assert.equal(result.timedOut, false);
					assert.ok(result.durationMilliseconds < 4500);
					const group = Number(result.stdout.text);
					assert.equal(groupMembers(group).length, 1);
					await until(
						"the group is gone",
						() => groupMembers(group).length === 0,
					);
				});

				test("of the recorded plugin does not turn success into a timeout", async (t) => {
					const commands = openCommands(t);
					const result = await commands.run(plugin("check_bgchild", "300"), {
						timeoutMilliseconds: 5000,
					});
					assert.equal(result.exitStatus, 0);
					assert.equal(result.timedOut, false);
					assert.equal(result.stdout.text, "parent done\n");
				});

				test("that ignores SIGTERM is killed after the time limit", async (t) => {
					const result = await openCommands(t).run(
						sh("(trap '' TERM; sleep 300; sleep 300) & echo $$"),
						{ timeoutMilliseconds: 1000 },
					);
					const group = Number(result.stdout.text);
					assert.notEqual(groupMembers(group).length, 0);
					await until(
						"the group is gone",
						() => groupMembers(group).length === 0,
					);
				});

				test("can go on writing after the answer, and is not kept in memory", async (t) => {
					const directory = await temporaryDirectory(t);
					const [file, answered] = ["alive", "answered"].map((name) =>
						join(directory, name),
					) as [string, string];
					const result = await openCommands(t, {
						outputLimitBytes: 1 << 30,
					}).run(
						sh(
							'(until [ -e "$2" ]; do sleep 0.05; done; head -c 5000000 /dev/zero && echo more && echo alive > "$1") & echo first',
							...[file, answered],
						),
						patient,
					);
					assert.equal(result.stdout.text, "first\n");
					await writeFile(answered, "");
					await until("it wrote all", async () =>
						(await readFile(file, "utf8").catch(() => "")).includes("\n"),
					);
					assert.equal(await readFile(file, "utf8"), "alive\n");
					assert.equal(result.stdout.bytes, 6);
				});

				test("does not keep the agent alive", async () => {
					const program = `
			${openThere(engineName, 9)}
			const line = { file: "/bin/sh", args: ["-c", "sleep 300 & echo $$"] };
			const { stdout } = await commands.run(line, { timeoutMilliseconds: 60000 });
			console.log(stdout.text);`;
					const { stdout, status } = spawnSync(
						process.execPath,
						["--input-type=module", "-e", program],
						{ encoding: "utf8", timeout: 30_000 },
					);
					assert.equal(status, 0);
					const group = Number(stdout);
					assert.ok(group > 1);
					process.kill(-group, "SIGKILL");
				});

				test("is never signalled once its leader's id belongs to a stranger", async (t) => {
					let reused = false;
					const sent: unknown[] = [];
					const probed = { afterReuse: 0 };
					const commands = openCommands(t, {
						kill: (pid, signal) => {
							if (signal !== 0) sent.push([pid, signal]);
							// the leader's id is in use again; the group still exists, so only the rule spares it
							if (reused && signal === 0 && pid > 0) {
								probed.afterReuse++;
								return;
							}
							process.kill(pid, signal);
						},
					});
					const { stdout } = await commands.run(sh("sleep 300 & echo $$"), {
						timeoutMilliseconds: 4_000,
					});
					reused = true;
					const group = Number(stdout.text);
					t.after(() => process.kill(-group, "SIGKILL"));
					await until("the watch has noticed", () => probed.afterReuse === 1);
					await commands.close();
					assert.deepEqual(sent, []);
					assert.equal(groupMembers(group).length, 1);
					assert.equal(probed.afterReuse, 1);
				});
			});

			describe("an abort signal", { concurrency: true }, () => {
				test("stops the command at once", async (t) => {
					const commands = openCommands(t);
					const file = join(await temporaryDirectory(t), "started");
					const controller = new AbortController();
					const running = commands.run(sh('echo $$ > "$1"; sleep 300', file), {
						...patient,
						signal: controller.signal,
					});
					await until("it runs", () => exists(file));
					assert.equal(commands.running, 1);
					controller.abort();
					const result = await running;
					assert.equal(result.cancelled, true);
					assert.equal(result.timedOut, false);
					assert.equal(result.signal, "SIGTERM");
					assert.equal(commands.running, 0);
				});

				test("is followed by SIGKILL after the grace", async (t) => {
					const commands = openCommands(t, { times: soon });
					const file = join(await temporaryDirectory(t), "started");
					const controller = new AbortController();
					const running = commands.run(
						sh("trap '' TERM; echo > \"$1\"; sleep 300; sleep 300", file),
						{ ...patient, signal: controller.signal },
					);
					await until("it runs", () => exists(file));
					controller.abort();
					const result = await running;
					assert.equal(result.cancelled, true);
					assert.equal(result.signal, "SIGKILL");
					assert.ok(result.durationMilliseconds >= 900);
				});

				test("prevents the start if it is already aborted", async (t) => {
					const commands = openCommands(t);
					const file = join(await temporaryDirectory(t), "started");
					const line = sh('echo > "$1"', file);
					const early = await commands.run(line, {
						...patient,
						signal: AbortSignal.abort(),
					});
					assert.equal(early.cancelled, true);
					const controller = new AbortController();
					const running = commands.run(line, {
						...patient,
						signal: controller.signal,
					});
					controller.abort();
					assert.equal((await running).cancelled, true);
					await commands.close();
					assert.equal(await exists(file), false);
				});
			});

			describe("a command that cannot be started", () => {
				test("reports the reason and leaks nothing", async (t) => {
					const directory = await temporaryDirectory(t);
					const plain = join(directory, "plain");
					await writeFile(plain, "#!/bin/sh\n", { mode: 0o644 });
					const commands = openCommands(t);
					const failures: [string, { file: string; args: string[] }][] = [
						["ENOENT", { file: join(directory, "missing"), args: [] }],
						["ENOTDIR", { file: join(plain, "x"), args: [] }],
						["EACCES", { file: plain, args: [] }],
						["EACCES", { file: directory, args: [] }],
						["E2BIG", sh("exit 0", "x".repeat(128 * 1024))],
						["EINVAL", sh("a\0b")],
						["EINVAL", { file: "/bin/\0sh", args: [] }],
					];
					const descriptors = () => readdirSync("/proc/self/fd").length;
					await commands.run(sh(":"), patient);
					const before = descriptors();
					for (let round = 0; round < 20; round++)
						for (const [code, line] of failures)
							await assert.rejects(
								commands.run(line, patient),
								(error) =>
									error instanceof CommandStartError && error.code === code,
								code,
							);
					await until("descriptors are closed", () => descriptors() <= before);
					assert.equal(commands.running, 0);
				});

				test("for lack of descriptors is an error too", () => {
					const program = `
			import { closeSync, openSync } from "node:fs";
			${openThere(engineName, 9)}
			const run = () => commands.run({ file: "/bin/sh", args: ["-c", "echo yes"] }, { timeoutMilliseconds: 60000 });
			const open = [];
			try { for (;;) open.push(openSync("/dev/null")); } catch {}
			const code = await run().catch((error) => error.code);
			open.forEach((descriptor) => closeSync(descriptor));
			console.log(code, (await run()).stdout.text);`;
					const { stdout, stderr } = spawnSync(
						"/bin/sh",
						[
							...["-c", 'ulimit -n 64; exec "$@"', "sh", process.execPath],
							...["--input-type=module", "-e", program],
						],
						{ encoding: "utf8", timeout: 30_000 },
					);
					assert.equal(stderr, "");
					assert.equal(stdout, "EMFILE yes\n\n");
				});
			});

			describe("closing", { concurrency: true }, () => {
				test("stops running commands and what answered ones left behind", async (t) => {
					const commands = openCommands(t);
					const left = await commands.run(
						sh("(trap '' TERM; sleep 300; sleep 300) & echo $$"),
						patient,
					);
					const file = join(await temporaryDirectory(t), "started");
					const running = commands.run(
						sh('echo > "$1"; sleep 300', file),
						patient,
					);
					await until("it runs", () => exists(file));
					const group = Number(left.stdout.text);
					assert.notEqual(groupMembers(group).length, 0);
					const startedAt = performance.now();
					await commands.close({ graceMilliseconds: 300 });
					assert.ok(performance.now() - startedAt < 4000);
					assert.deepEqual(groupMembers(group), []);
					const result = await running;
					assert.equal(result.cancelled, true);
					assert.equal(result.signal, "SIGTERM");
					await commands.close();
					assert.equal((await commands.run(sh(":"), patient)).cancelled, true);
				});

				test("does not wait longer than needed", async (t) => {
					const commands = openCommands(t);
					const { stdout } = await commands.run(
						sh("sleep 300 & echo $$"),
						patient,
					);
					const startedAt = performance.now();
					await commands.close({ graceMilliseconds: 20_000 });
					assert.ok(performance.now() - startedAt < 10_000);
					assert.deepEqual(groupMembers(Number(stdout.text)), []);
				});
			});
		});
});
