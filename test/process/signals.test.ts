import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { startDaemon, startProgram } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { send } from "../support/https.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** Ports that a process listens on, by its descriptors. */
function listeningSockets(pid: number) {
	const inodes = new Set(
		readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
			try {
				return /^socket:\[(\d+)\]$/.exec(
					readlinkSync(`/proc/${pid}/fd/${fd}`),
				)?.[1] as string;
			} catch {
				return [];
			}
		}),
	);
	return ["tcp", "tcp6"].flatMap((family) =>
		readFileSync(`/proc/${pid}/net/${family}`, "utf8")
			.split("\n")
			.map((line) => line.trim().split(/\s+/))
			// 0A: listening
			.filter((fields) => fields[3] === "0A" && inodes.has(fields[9] ?? ""))
			.map((fields) => Number.parseInt(fields[1]?.split(":")[1] ?? "", 16)),
	);
}

test("signals that mean nothing are logged and change nothing; no debugger opens", async (t) => {
	const daemon = await startDaemon(t, ["--disable-collect-metrics"], {
		// a port of its own for the debugger, were there one
		nodeFlags: ["--inspect-port=0"],
	});
	const { pid } = daemon.process;
	assert.ok(pid);
	for (const name of [
		...["SIGUSR1", "SIGUSR2", "SIGQUIT", "SIGALRM", "SIGVTALRM"],
		...["SIGIO", "SIGPWR", "SIGXCPU", "SIGXFSZ", "SIGTRAP", "SIGSYS"],
	] as const) {
		process.kill(pid, name);
		await eventually(`${name} is logged`, () =>
			daemon.stdout().includes(`[warning] ${name}: ignored`),
		);
	}
	// the second one is no news
	process.kill(pid, "SIGUSR1");
	process.kill(pid, "SIGUSR1");
	assert.equal((await send({ port: daemon.port })).status, 200);
	assert.deepEqual(listeningSockets(pid), [daemon.port]);
	assert.equal(daemon.stdout().match(/SIGUSR1: ignored/g)?.length, 1);
	assert.equal((await daemon.stop()).code, 0);
	assert.doesNotMatch(daemon.stderr(), /Debugger/);
});

test("a debugger that opened before the program's first line is closed again", async (t) => {
	const begun = startProgram(
		t,
		[
			...["daemon", "--port", "0", "--listen-address", "127.0.0.1"],
			...["--quick-start", "data", "--log-level", "info"],
		],
		{
			nodeFlags: ["--inspect-port=0"],
			directory: await temporaryDirectory(t),
		},
	);
	const { pid } = begun.process;
	assert.ok(pid);
	/** Whether it has a handler of its own for the signal: Node's, or ours. */
	const isHandled = () => {
		const [, caught = "0"] =
			/^SigCgt:\s*(\w+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ??
			[];
		return (BigInt(`0x${caught}`) >> 9n) % 2n === 1n;
	};
	while (!isHandled()) await new Promise((resolve) => setImmediate(resolve));
	process.kill(pid, "SIGUSR1");
	const [, port] = await begun.printed(/listening on \S+ port (\d+)/);
	await eventually("only the agent listens", () => {
		const ports = listeningSockets(pid);
		return ports.length === 1 && ports[0] === Number(port);
	});
});
