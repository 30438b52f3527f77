import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Scene } from "./scene.ts";

const run = promisify(execFile);
const programs = join(process.cwd(), "build/bench/peers");

async function peer(
	{ signal }: Scene,
	program: "level.js" | "store.js",
	...args: (string | number)[]
) {
	const words = [join(programs, program), ...args.map(String)];
	const { stdout } = await run(process.execPath, words, { signal });
	return JSON.parse(stdout) as unknown;
}

/** Rates of appends and drains. */
export interface LevelFigures {
	appendsPerSecond: number;
	/** CPU milliseconds of an append. */
	cpuMilliseconds: number;
	/** Samples read and deleted a second. */
	drainedPerSecond: number;
}

/** Writes, reads and deletes the bytes of that many samples, with the agent's LevelDB options or with LevelDB's defaults. */
export const runLevel = (
	scene: Scene,
	parts: {
		directory: string;
		options: "ours" | "plain";
		samples: number;
		seconds: number;
	},
) =>
	peer(
		scene,
		"level.js",
		...["append", parts.directory, parts.options],
		...[parts.samples, parts.seconds],
	) as Promise<LevelFigures>;

/** Appends to the agent's store and drains it, in a separate process without a server, with that many concurrent appends. */
export const runStore = (
	scene: Scene,
	parts: {
		directory: string;
		samples: number;
		atOnce: number;
		seconds: number;
	},
) =>
	peer(
		scene,
		"store.js",
		...[parts.directory, parts.samples, parts.atOnce, parts.seconds],
	) as Promise<LevelFigures>;

/** Writes the metrics of that many minutes in the agent's format, recent enough for its retention. */
export const writeWeek = (
	scene: Scene,
	directory: string,
	size: { minutes: number; samples: number },
) => peer(scene, "level.js", "week", directory, size.minutes, size.samples);
