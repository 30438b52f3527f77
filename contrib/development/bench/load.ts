import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { cpuOfTree } from "./process-tree.ts";
import type { Scene } from "./scene.ts";
import type { Server } from "./server.ts";

/** Parameters of the load generator. */
export interface Load {
	/** File with the bytes of the request. */
	file: string;
	connections: number;
	/** Use persistent connections; otherwise every request has a new one. */
	kept?: boolean;
	protocol?: "http" | "nrpe";
	seconds?: number;
	/** Total number of requests, instead of a time. */
	answers?: number;
	/** Send requests at fixed times; otherwise as fast as answers arrive. */
	perSecond?: number;
}

/** Results of the load generator; latencies in milliseconds. */
export interface Loaded {
	answers: number;
	errors: number;
	firstError: string;
	seconds: number;
	/** CPU seconds of the generator. */
	cpuSeconds: number;
	/** Time of the monotonic clock, in seconds. */
	endedAt: number;
	p50: number;
	p99: number;
	longest: number;
}

function flags(load: Load): string[] {
	const given = {
		"-p": load.protocol,
		"-c": load.connections,
		"-s": load.seconds,
		"-n": load.answers,
		"-r": load.perSecond,
	};
	return [
		...(load.kept ? ["-k"] : []),
		...Object.entries(given).flatMap(([flag, value]) =>
			value === undefined ? [] : [flag, String(value)],
		),
	];
}

/** A load generator that is connected and waits to begin. */
export interface Generator {
	/** Generates the load and returns the results. */
	run(): Promise<Loaded>;
}

/** Starts a load generator; `more` are extra flags. Throws if it cannot connect. */
export async function prepareLoad(
	{ tools, signal }: Scene,
	port: number,
	load: Load,
	...more: string[]
): Promise<Generator> {
	const child = spawn(
		tools.load,
		[...flags(load), ...more, String(port), load.file],
		{ stdio: ["pipe", "pipe", "pipe"], signal },
	);
	let said = "";
	child.stderr.setEncoding("utf8").on("data", (text: string) => {
		said += text;
	});
	const failed = once(child, "close").then(() => {
		throw new Error(`the generator ended: ${said}`);
	});
	failed.catch(() => {});
	const lines = createInterface({ input: child.stdout })[
		Symbol.asyncIterator
	]();
	const line = async () => {
		const { value } = await Promise.race([lines.next(), failed]);
		return String(value);
	};
	const ready = await line();
	if (ready !== "ready") throw new Error(`the generator said ${ready} ${said}`);
	return {
		run: async () => {
			child.stdin.end("\n");
			const loaded = JSON.parse(await line()) as Loaded;
			if (loaded.errors > 0 || loaded.answers === 0)
				throw new Error(
					`${loaded.errors} of ${loaded.answers + loaded.errors} requests failed: ${loaded.firstError}`,
				);
			return loaded;
		},
	};
}

/** Results of a server under load. */
export interface Measured extends Loaded {
	perSecond: number;
	/** CPU milliseconds of the server and its children for each answer. */
	cpuMilliseconds: number;
	/** CPU of the load generator, in percent of one core. */
	generatorPercent: number;
}

/** Wait this long before measuring CPU, so that processes that end after their answer count too. */
export const settleMilliseconds = 100;

/** Puts load on a server and measures both. */
export async function measure(
	scene: Scene,
	server: Pick<Server, "port" | "pid">,
	load: Load,
): Promise<Measured> {
	const generator = await prepareLoad(scene, server.port, load);
	const before = cpuOfTree(server.pid);
	const loaded = await generator.run();
	await pause(settleMilliseconds, undefined, { signal: scene.signal });
	const cpu = cpuOfTree(server.pid) - before;
	return {
		...loaded,
		perSecond: loaded.answers / loaded.seconds,
		cpuMilliseconds: (1000 * cpu) / loaded.answers,
		generatorPercent: (100 * loaded.cpuSeconds) / loaded.seconds,
	};
}
