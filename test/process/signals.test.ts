import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startDaemon, startProgram } from "../support/daemon.ts";
import { nativeMissing } from "../support/engine.ts";
import { eventually } from "../support/eventually.ts";
import { post } from "../support/https.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** Ports on which a process listens, by its descriptors. */
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
			// 0A means listening
			.filter((fields) => fields[3] === "0A" && inodes.has(fields[9] ?? ""))
			.map((fields) => Number.parseInt(fields[1]?.split(":")[1] ?? "", 16)),
	);
}

/** Signals without a listener: real-time ones outside the C library, and the CPU profiler's. */
const silentSignals = [
	...Array.from({ length: 30 }, (_, index) => 35 + index),
	constants.signals.SIGPROF,
];

test("signals without a meaning have no effect, on the agent and in plugins; no debugger opens", async (t) => {
	const plugins = await temporaryDirectory(t);
	await writeFile(
		join(plugins, "check_signals"),
		"#!/bin/sh\nexec grep ^Sig /proc/self/status\n",
		{ mode: 0o755 },
	);
	const daemon = await startDaemon(
		t,
		["--disable-collect-metrics", `--nagios-plugin-paths=${plugins}`],
		{
			// a free port for the debugger, if one opened
			nodeFlags: ["--inspect-port=0"],
		},
	);
	const { pid } = daemon.process;
	assert.ok(pid);
	if (!nativeMissing())
		for (const signal of silentSignals) process.kill(pid, signal);
	for (const name of [
		...["SIGUSR1", "SIGUSR2", "SIGQUIT", "SIGALRM", "SIGVTALRM"],
		...["SIGIO", "SIGPWR", "SIGXCPU", "SIGXFSZ", "SIGTRAP", "SIGSYS"],
	] as const) {
		process.kill(pid, name);
		await eventually(`${name} is logged`, () =>
			daemon.stdout().includes(`[warning] ${name}: ignored`),
		);
	}
	// the second one is not logged
	process.kill(pid, "SIGUSR1");
	process.kill(pid, "SIGUSR1");
	const { text } = await post(daemon.port, "/monitor", {
		plugin_name: "check_signals",
	});
	for (const set of ["SigBlk", "SigIgn"])
		assert.match(JSON.parse(text).message, new RegExp(`^${set}:\\s0+$`, "m"));
	assert.deepEqual(listeningSockets(pid), [daemon.port]);
	assert.equal(daemon.stdout().match(/SIGUSR1: ignored/g)?.length, 1);
	assert.equal((await daemon.stop()).code, 0);
	assert.doesNotMatch(daemon.stderr(), /Debugger/);
});

test("closes a debugger that opened before the program's first line", async (t) => {
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
	/** Whether it has a handler for the signal, from Node or from us. */
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
