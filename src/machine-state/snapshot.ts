import type { RunCommand } from "../commands/runner.ts";
import { splitWords } from "../commands/words.ts";
import type { Log } from "../log.ts";

/** Snapshots of the machine, taken when a check has failed. */
export interface Snapshots {
	/**
	 * Takes one in the background, if the interval allows it and none is being
	 * taken. Whatever goes wrong is logged: the check's answer is not its business.
	 */
	take(): void;
	/** Resolves when none is being taken. */
	settled(): Promise<void>;
}

/** `2026-11-22T10:16:46+09:00`, local time (RFC 3339). */
function localTime(time: Date): string {
	const minutes = -time.getTimezoneOffset();
	const two = (n: number) => String(Math.floor(Math.abs(n))).padStart(2, "0");
	const offset =
		minutes === 0
			? "Z"
			: `${minutes < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
	const shifted = new Date(time.getTime() + minutes * 60_000);
	return shifted.toISOString().slice(0, 19) + offset;
}

/**
 * @param parts.commands lines of plain words, run one after the other; what is missing or fails is left out
 * @param parts.intervalSeconds least time between two snapshots; below 0 none is ever taken, as in the original
 * @param parts.now milliseconds since 1970
 * @param parts.elapsed milliseconds of the monotonic clock: the interval must not depend on a clock that is set
 */
export function createSnapshots(parts: {
	commands: readonly string[];
	runCommand: RunCommand;
	save: (text: string) => Promise<void>;
	intervalSeconds: number;
	now: () => number;
	elapsed: () => number;
	log: Pick<Log, "info" | "warning" | "error">;
}): Snapshots {
	const { commands, runCommand, save, intervalSeconds, now, elapsed, log } =
		parts;
	const never = new AbortController().signal;
	let lastTaken = Number.NEGATIVE_INFINITY;
	let running: Promise<void> | undefined;

	/** A command's output under its heading, in the original's form; empty if it failed. */
	const section = async (command: string, time: string): Promise<string> => {
		const [file = "", ...args] = splitWords(command) ?? [];
		try {
			const limits = { millisecondsLeft: undefined, signal: never };
			const result = await runCommand({ file, args }, limits);
			if (result.exitStatus === 0 && !result.timedOut)
				return `********** ${file} ${args.join(" ")} (${time}) **********\n${result.stdout.text}\n\n`;
			const why = result.timedOut
				? "timeout"
				: `exit status ${result.exitStatus ?? result.signal}`;
			log.info(`machine state: ${command} left out: ${why}`);
		} catch (error) {
			log.info(
				`machine state: ${command} left out: ${(error as Error).message}`,
			);
		}
		return "";
	};

	const run = async () => {
		const time = localTime(new Date(now()));
		let text = "";
		for (const command of commands) text += await section(command, time);
		await save(text);
	};

	return {
		take: () => {
			if (intervalSeconds < 0 || running) return;
			if (elapsed() - lastTaken < intervalSeconds * 1000) return;
			lastTaken = elapsed();
			running = run()
				.catch((error: Error) =>
					log.error(`machine state is not saved: ${error.message}`),
				)
				.finally(() => {
					running = undefined;
				});
		},
		settled: async () => running,
	};
}
