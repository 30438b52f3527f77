import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { checkHappoCommand } from "../../../test/support/check-happo.ts";
import { eventually } from "../../../test/support/eventually.ts";
import {
	type NagiosOptions,
	type NagiosService,
	serviceBlocks,
	startNagios,
} from "../../../test/support/nagios.ts";
import { residentOf } from "../soak/process-figures.ts";
import { statusOf } from "./broker.ts";
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
	/** Resident memory of the broker at the end. */
	brokerMebibytes?: number;
}

/** Who runs the checks, and what belongs to the monitoring server and to the agents. */
export interface NagiosSetup {
	services: readonly NagiosService[];
	options: NagiosOptions;
	/** Socket of a broker, for a worker that registers for check_happo. */
	workerOf?: string;
	/** The process that its clients or its worker ask. */
	broker?: number;
	agents: readonly number[];
}

/** Checks that the core workers of a running Nagios have started; its query handler counts them. */
async function coreJobs(directory: string): Promise<number> {
	const socket = connect(join(directory, "nagios.qh"));
	socket.setTimeout(10_000, () =>
		socket.destroy(new Error("the query handler does not answer")),
	);
	await once(socket, "connect");
	// with # it closes the connection behind the answer
	socket.write("#wproc wpstats\0");
	const counts = (await text(socket)).matchAll(/;jobs_started=(\d+)/g);
	return [...counts].reduce((sum, [, jobs]) => sum + Number(jobs), 0);
}

/** The worker for check_happo, which is there when it resolves. */
async function startWorker({ t }: Scene, directory: string, broker: string) {
	const child = spawn(
		checkHappoCommand,
		["--nagios-worker", join(directory, "nagios.qh"), "--broker", broker],
		{ stdio: ["ignore", "ignore", "pipe"] },
	);
	const ended = once(child, "exit");
	const stop = async () => {
		child.kill("SIGTERM");
		await ended;
	};
	t.after(stop);
	let said = "";
	child.stderr.setEncoding("utf8").on("data", (more: string) => {
		said += more;
	});
	await eventually("the worker has registered", () => {
		if (child.exitCode !== null) throw new Error(`the worker ended: ${said}`);
		return said.includes("registered");
	});
	return { pid: child.pid ?? 0, stop };
}

/** Starts Nagios, lets it check all services once, and measures for some seconds. */
export async function measureNagios(
	scene: Scene,
	{ services, options, workerOf, broker, agents }: NagiosSetup,
	seconds: number,
): Promise<NagiosMeasured> {
	const { signal } = scene;
	const nagios = await startNagios(scene.t, services, options);
	await eventually("Nagios answers", () =>
		coreJobs(nagios.directory).then(
			() => true,
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
	const pids = [nagios.pid, broker, worker?.pid].filter(
		(pid) => pid !== undefined,
	);
	const cpu = (of: readonly number[]) =>
		of.reduce((sum, pid) => sum + cpuOfTree(pid), 0);
	const soFar = async () => ({
		core: await coreJobs(nagios.directory),
		own: workerOf ? (await statusOf(workerOf)).checks_of_workers : 0,
		server: cpu(pids),
		agents: cpu(agents),
		at: performance.now(),
	});
	const before = await soFar();
	// whole intervals, in each of which every service is due once
	const whole = Math.max(1, Math.round(seconds / interval)) * interval;
	await pause(1000 * whole, undefined, { signal });
	const after = await soFar();
	const own = after.own - before.own;
	const jobs = own + after.core - before.core;
	if (worker && own < 0.99 * jobs)
		throw new Error(`only ${own} of ${jobs} checks went to the worker`);
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
		...(broker && { brokerMebibytes: residentOf(broker).now / 1024 }),
	};
}
