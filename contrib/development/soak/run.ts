import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { writeTestKeyPair } from "../../../test/support/agent.ts";
import { startProgram } from "../../../test/support/daemon.ts";
import { eventually } from "../../../test/support/eventually.ts";
import { freePort } from "../../../test/support/free-port.ts";
import { send } from "../../../test/support/https.ts";
import { temporaryDirectory } from "../../../test/support/temporary.ts";
import type { Look, Soaked } from "./judgement.ts";
import {
	cpuOf,
	kilobytesIn,
	machineTicks,
	residentOf,
} from "./process-figures.ts";
import {
	type Checks,
	sendChecks,
	storedSamples,
	v1Test,
	writeWorkload,
} from "./workload.ts";

type Scope = Pick<TestContext, "after">;

/** The daemon as its users run it: log, store and configuration in files. */
async function startDaemon(t: Scope, directory: string) {
	const { plugins } = await writeWorkload(directory);
	const pair = await writeTestKeyPair(directory);
	// at log-level warn the daemon does not log the port that it took
	const port = await freePort();
	const daemon = startProgram(
		t,
		[
			"daemon",
			...["--listen-address", "127.0.0.1", "-P", String(port)],
			...["-B", pair["public-key"], "-R", pair["private-key"]],
			...["-l", "happo-agent.log", "--log-level", "warn"],
			...["-d", "happo-agent.db", "-M", "metrics.yaml"],
			...["--nagios-plugin-paths", plugins, "--sensu-plugin-paths", plugins],
			...["--collection-interval-seconds", "60"],
		],
		{ directory },
	);
	// SIGKILL would leave running plugins behind
	t.after(async () => {
		daemon.process.kill("SIGTERM");
		await Promise.race([
			daemon.exited,
			pause(15_000, undefined, { ref: false }),
		]);
	});
	return { ...daemon, port, pid: daemon.process.pid ?? 0 };
}

/** Waits until the daemon answers. Throws if it ends or the run is aborted before. */
async function untilItAnswers(port: number, stopped: AbortSignal) {
	await eventually("the daemon answers", () => {
		stopped.throwIfAborted();
		return send({ port }).then(
			() => true,
			() => false,
		);
	});
}

/**
 * Makes one run: starts the daemon, sends the checks, idles for the rest of the time,
 * and measures. Nothing drains the store. Throws the signal's reason if the run is
 * aborted, and an error if the daemon ends by itself.
 */
export async function soak(
	t: Scope,
	parts: {
		minutes: number;
		signal: AbortSignal;
		/** Called every minute. */
		progress: (line: string) => void;
	},
): Promise<Soaked> {
	const { minutes, progress } = parts;
	const directory = await temporaryDirectory(t);
	const begun = performance.now();
	const machineBefore = machineTicks();
	const daemon = await startDaemon(t, directory);
	const { port, pid } = daemon;
	const ended = new AbortController();
	void daemon.exited.then(({ code, signal, stderr }) =>
		ended.abort(new Error(`the daemon ended: ${code ?? signal} ${stderr}`)),
	);
	const stopped = AbortSignal.any([parts.signal, ended.signal]);
	await untilItAnswers(port, stopped);

	const listening = performance.now();
	const cpuAtStart = cpuOf(pid);
	const checks: Checks = {
		planned: Math.round((v1Test.checks * minutes) / v1Test.minutes),
		sent: 0,
		failed: 0,
		latencies: [],
	};
	const looks: Look[] = [];
	const look = () => {
		const { own, children } = cpuOf(pid);
		const now = performance.now();
		const latest = {
			seconds: (now - listening) / 1000,
			checks: checks.sent,
			cpuSeconds: own + children,
			residentKilobytes: residentOf(pid).now,
			databaseKilobytes: kilobytesIn(join(directory, "happo-agent.db")),
		};
		looks.push(latest);
		const minuteAgo = looks.at(-13);
		const percent = (100_000 * latest.cpuSeconds) / (now - begun);
		const lately =
			(100 * (latest.cpuSeconds - (minuteAgo?.cpuSeconds ?? 0))) /
			(latest.seconds - (minuteAgo?.seconds ?? 0));
		return [
			`minute ${Math.round(latest.seconds / 60)}: ${checks.sent} checks`,
			`${checks.failed} failed`,
			`CPU ${percent.toFixed(2)} % so far and ${lately.toFixed(2)} % now`,
			`resident ${latest.residentKilobytes} KB`,
			`database ${Math.round(latest.databaseKilobytes)} KB`,
		].join(", ");
	};
	/** Measures every five seconds, without drift. */
	const watch = async (signal: AbortSignal) => {
		const until = (seconds: number) =>
			pause(
				Math.max(0, listening + seconds * 1000 - performance.now()),
				undefined,
				{ signal },
			);
		for (let seconds = 5; seconds <= minutes * 60; seconds += 5) {
			await until(seconds);
			const line = look();
			if (seconds % 60 === 0) progress(line);
		}
		await until(minutes * 60);
	};

	const over = new AbortController();
	const sending = sendChecks(
		port,
		checks,
		AbortSignal.any([stopped, over.signal]),
	);
	try {
		await watch(stopped);
	} catch (error) {
		stopped.throwIfAborted();
		throw error;
	} finally {
		over.abort();
		await sending;
	}
	const machine = machineTicks();
	const share = (of: "busy" | "stolen") =>
		(100 * (machine[of] - machineBefore[of])) /
		(machine.all - machineBefore.all);
	const figures = {
		machine: { busy: share("busy"), stolen: share("stolen") },
		wallSeconds: (performance.now() - begun) / 1000,
		cpu: cpuOf(pid),
		peakKilobytes: residentOf(pid).peak,
		databaseKilobytes: kilobytesIn(join(directory, "happo-agent.db")),
	};
	const log = await readFile(join(directory, "happo-agent.log"), "utf8");
	return {
		minutes,
		checks,
		cpuAtStart,
		looks,
		...figures,
		samples: await storedSamples(port),
		logLines: log.split("\n").filter((line) => line !== ""),
	};
}
