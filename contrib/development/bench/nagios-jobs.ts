import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { brokerStatus } from "../../../test/support/broker.ts";
import { checkHappoCommand } from "../../../test/support/check-happo.ts";
import { eventually } from "../../../test/support/eventually.ts";
import {
	type NagiosOptions,
	type NagiosService,
	serviceBlocks,
	startNagios,
} from "../../../test/support/nagios.ts";
import { cpuOfTree } from "./process-tree.ts";
import type { Scene } from "./scene.ts";

/** What Nagios did in one measurement. */
export interface NagiosMeasured {
	perSecond: number;
	/** CPU milliseconds of Nagios, its workers, their clients and the broker for each check. */
	cpuMilliseconds: number;
	/** CPU milliseconds of the agents for each check. */
	agentMilliseconds: number;
	/** How long after their time checks began: the mean over all services, and the longest. */
	latencyMilliseconds: number;
	longestMilliseconds: number;
}

/** Who runs the checks, and what belongs to the monitoring server and to the agents. */
export interface NagiosSetup {
	services: readonly NagiosService[];
	options: NagiosOptions;
	/** Socket of a broker, for a worker that registers for check_happo. */
	workerOf?: string;
	/** Processes besides Nagios and its worker. */
	server: readonly number[];
	agents: readonly number[];
}

/** Nagios's own workers, as its query handler lists them; it lists no others. */
async function workersOf(
	directory: string,
): Promise<{ jobsStarted: number }[]> {
	const socket = connect(join(directory, "nagios.qh"));
	await once(socket, "connect");
	// "#": one answer, then the end of the connection
	socket.write("#wproc wpstats\0");
	const answer = await text(socket);
	return [...answer.matchAll(/jobs_started=(\d+)/g)].map(([, jobs]) => ({
		jobsStarted: Number(jobs),
	}));
}

/** Jobs that have been started by Nagios's own workers. */
async function ownJobs(directory: string): Promise<number> {
	const workers = await workersOf(directory);
	return workers.reduce((sum, { jobsStarted }) => sum + jobsStarted, 0);
}

/** Checks that workers have asked a broker for; 0 without one. */
const brokerJobs = async (broker: string | undefined) =>
	broker === undefined ? 0 : (await brokerStatus(broker)).checks_of_workers;

/** The worker for check_happo, which is there when it resolves. */
async function startWorker({ t }: Scene, directory: string, broker: string) {
	const child = spawn(
		checkHappoCommand,
		["--nagios-worker", join(directory, "nagios.qh"), "--broker", broker],
		{ stdio: ["ignore", "ignore", "pipe"] },
	);
	let said = "";
	child.stderr.setEncoding("utf8").on("data", (more: string) => {
		said += more;
	});
	const ended = once(child, "exit");
	const stop = async () => {
		child.kill("SIGTERM");
		await ended;
	};
	t.after(stop);
	await eventually("the worker has registered", () => {
		if (child.exitCode !== null) throw new Error("the worker has ended");
		return said.includes("registered with Nagios");
	});
	return { pid: child.pid ?? 0, stop };
}

/** Starts Nagios, lets it check all services once, and measures for some seconds. */
export async function measureNagios(
	scene: Scene,
	{ services, options, workerOf, server, agents }: NagiosSetup,
	seconds: number,
): Promise<NagiosMeasured> {
	const { signal } = scene;
	const nagios = await startNagios(scene.t, services, options);
	await eventually("Nagios answers", () =>
		workersOf(nagios.directory).then(
			(workers) => workers.length > 0,
			() => false,
		),
	);
	const worker =
		workerOf === undefined
			? undefined
			: await startWorker(scene, nagios.directory, workerOf);
	const { interval = 0 } = options;
	// each service has been checked, and what is put off at the start has been done
	await pause(1000 * interval + 3_000, undefined, { signal });
	const pids = [nagios.pid, ...server, ...(worker ? [worker.pid] : [])];
	const cpu = (of: readonly number[]) =>
		of.reduce((sum, pid) => sum + cpuOfTree(pid), 0);
	const before = {
		own: await ownJobs(nagios.directory),
		others: await brokerJobs(workerOf),
		server: cpu(pids),
		agents: cpu(agents),
		at: performance.now(),
	};
	await pause(1000 * seconds, undefined, { signal });
	const after = {
		own: await ownJobs(nagios.directory),
		others: await brokerJobs(workerOf),
		server: cpu(pids),
		agents: cpu(agents),
		at: performance.now(),
	};
	const others = after.others - before.others;
	const jobs = after.own - before.own + others;
	if (worker && others < 0.99 * jobs)
		throw new Error(`only ${others} of ${jobs} checks went to the worker`);
	// Nagios writes it every few seconds
	const status = await readFile(join(nagios.directory, "status.dat"), "utf8");
	const seen = serviceBlocks(status);
	const bad = seen.find(({ current_state }) => current_state !== "0");
	if (bad) throw new Error(`a check failed: ${bad.plugin_output}`);
	const latencies = seen.map(({ check_latency }) => Number(check_latency));
	await worker?.stop();
	await nagios.stop();
	const milliseconds = (part: "server" | "agents") =>
		(1000 * (after[part] - before[part])) / jobs;
	return {
		perSecond: (1000 * jobs) / (after.at - before.at),
		cpuMilliseconds: milliseconds("server"),
		agentMilliseconds: milliseconds("agents"),
		latencyMilliseconds:
			(1000 * latencies.reduce((sum, one) => sum + one, 0)) / latencies.length,
		longestMilliseconds: 1000 * Math.max(...latencies),
	};
}
