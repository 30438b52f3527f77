import { outputText } from "../commands/answer.ts";
import type { CommandResult } from "../commands/command.ts";
import type { RunCommand } from "../commands/runner.ts";
import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import { splitWords } from "../protocol/words.ts";

/** Takes machine states when a check has failed. */
export interface Snapshots {
	/**
	 * Takes a snapshot in the background, unless one is in progress or the interval has not passed.
	 * Errors are logged and do not affect the check's answer.
	 */
	take(): void;
	/** Resolves when no snapshot is in progress. */
	settled(): Promise<void>;
}

/** The log subject. */
const saving = "saving";

/** `2026-11-22T10:16:46+09:00`: local time (RFC 3339). */
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
 * @param parts.commands command lines of plain words, run one after another; those that cannot be
 * started are skipped
 * @param parts.intervalSeconds minimum seconds between snapshots; negative disables them, as in v1
 * @param parts.now milliseconds since 1970
 * @param parts.elapsed milliseconds of the monotonic clock, on which the interval is based
 */
export function createSnapshots(parts: {
	commands: readonly string[];
	runCommand: RunCommand;
	save: (text: string) => Promise<void>;
	intervalSeconds: number;
	/** Time limit of each command; used only in the text. */
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
	 * One command's section in v1's format: a heading, the output, and a failure if any. Empty if the
	 * command could not be started.
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

/** Standard output as in v1. If the command failed, followed by standard error and the reason. */
function sectionText(result: CommandResult, failure: string | undefined) {
	const { stdout, stderr } = result;
	const text = outputText({ stdout, signal: undefined });
	if (!failure) return text;
	const lines = [text, stderr.text].map((part) =>
		part === "" || part.endsWith("\n") ? part : `${part}\n`,
	);
	return `${lines.join("")}(${failure})\n`;
}
