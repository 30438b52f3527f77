import { outputText } from "../commands/answer.ts";
import type { CommandResult } from "../commands/command.ts";
import type { RunCommand } from "../commands/runner.ts";
import { splitWords } from "../commands/words.ts";
import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";

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

/** The subject of repeated lines. */
const saving = "saving";

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
 * @param parts.commands lines of plain words, run one after the other; what cannot be started is left out
 * @param parts.intervalSeconds least time between two snapshots; below 0 none is ever taken, as in the original
 * @param parts.now milliseconds since 1970
 * @param parts.elapsed milliseconds of the monotonic clock: the interval must not depend on a clock that is set
 */
export function createSnapshots(parts: {
	commands: readonly string[];
	runCommand: RunCommand;
	save: (text: string) => Promise<void>;
	intervalSeconds: number;
	/** Time limit of each command, for the text. */
	timeoutSeconds: number;
	now: () => number;
	elapsed: () => number;
	log: Pick<Log, "info" | "warning" | "error">;
}): Snapshots {
	const { commands, runCommand, save, intervalSeconds, now, elapsed, log } =
		parts;
	const { timeoutSeconds } = parts;
	const repeats = createLogRepeats({ log, elapsed });
	const never = new AbortController().signal;
	let lastTaken = Number.NEGATIVE_INFINITY;
	let running: Promise<void> | undefined;

	/**
	 * A command's output under its heading, in the original's form, and what went wrong behind it; empty if it could not be
	 * started.
	 */
	const section = async (command: string, time: string): Promise<string> => {
		const [file = "", ...args] = splitWords(command) ?? [];
		try {
			const limits = {
				client: "machine-state",
				millisecondsLeft: undefined,
				signal: never,
			};
			const result = await runCommand({ file, args }, limits);
			const failure = failureOf(result);
			if (failure) log.info(`machine state: ${command}: ${failure}`);
			return `********** ${file} ${args.join(" ")} (${time}) **********\n${sectionText(result, failure)}\n\n`;
		} catch (error) {
			log.info(
				`machine state: ${command} left out: ${(error as Error).message}`,
			);
		}
		return "";
	};

	const failureOf = ({ timedOut, exitStatus, signal }: CommandResult) => {
		if (timedOut) return `timed out after ${timeoutSeconds} s`;
		if (exitStatus === 0) return undefined;
		return exitStatus === undefined
			? `terminated by ${signal}`
			: `exit status ${exitStatus}`;
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
				.then(
					() => void repeats.right(saving, "machine state"),
					({ message }: Error) =>
						void repeats.wrong(saving, {
							kind: message,
							level: "error",
							lines: [`machine state is not saved: ${message}`],
						}),
				)
				.finally(() => {
					running = undefined;
				});
		},
		settled: async () => running,
	};
}

/** Standard output as the original kept it; of a command that failed also what it complained of, and how it ended. */
function sectionText(result: CommandResult, failure: string | undefined) {
	const { stdout, stderr } = result;
	const text = outputText({ stdout, signal: undefined });
	if (!failure) return text;
	const lines = [text, stderr.text].map((part) =>
		part === "" || part.endsWith("\n") ? part : `${part}\n`,
	);
	return `${lines.join("")}(${failure})\n`;
}
