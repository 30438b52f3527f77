import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Scene } from "./scene.ts";

const run = promisify(execFile);
const program = join(process.cwd(), "build/bench/peers/level.js");

async function peer({ signal }: Scene, ...args: (string | number)[]) {
	const words = [program, ...args.map(String)];
	const { stdout } = await run(process.execPath, words, { signal });
	return JSON.parse(stdout) as unknown;
}

/** What LevelDB alone comes to. */
export interface LevelFigures {
	appendsPerSecond: number;
	/** Samples read and deleted. */
	drainedPerSecond: number;
}

/** Writes, reads and deletes the bytes of that many samples; with the agent's options of LevelDB or with its own. */
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
		...["append", parts.directory, parts.options],
		...[parts.samples, parts.seconds],
	) as Promise<LevelFigures>;

/** Writes the metrics of that many minutes as the agent would have, in time for its retention. */
export const writeWeek = (
	scene: Scene,
	directory: string,
	size: { minutes: number; samples: number },
) => peer(scene, "week", directory, size.minutes, size.samples);
