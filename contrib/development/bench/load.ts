import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { cpuOfTree } from "./process-tree.ts";
import type { Scene } from "./scene.ts";
import type { Server } from "./server.ts";

/** What the generator of load does. */
export interface Load {
	/** The request as it goes out. */
	file: string;
	connections: number;
	/** Connections are kept; otherwise every request has its own. */
	kept?: boolean;
	protocol?: "http" | "nrpe";
	seconds?: number;
	/** Asked in all, in place of a time. */
	answers?: number;
	/** At fixed times; otherwise as fast as answers come. */
	perSecond?: number;
}

/** What the generator says; times of answers in milliseconds. */
export interface Loaded {
	answers: number;
	errors: number;
	firstError: string;
	seconds: number;
	/** CPU seconds of the generator. */
	cpuSeconds: number;
	/** Seconds of the system's steady clock. */
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

/** A generator that is ready. */
export interface Generator {
	/** Lets it begin, and gives what came of it. */
	run(): Promise<Loaded>;
}

/** Starts a generator; `more` are flags of its own. Throws when it cannot connect. */
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

/** A server under load for a while. */
export interface Measured extends Loaded {
	perSecond: number;
	/** CPU milliseconds of the server and its children for each answer. */
	cpuMilliseconds: number;
	/** The generator's own part, in percent of one core. */
	generatorPercent: number;
}

/** Processes that end after their answer are counted, too. */
const settleMilliseconds = 100;

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
