import type { Captured } from "../spawn/output.ts";
import type { CommandResult } from "./command.ts";
import type { MissingPlugin } from "./plugin.ts";

/** Nagios: UNKNOWN. */
const UNKNOWN = 3;
/** What shells answer for a command that is there but cannot be run, and for one that is not there. */
const NOT_EXECUTABLE = 126;
const NOT_FOUND = 127;

/** What a shell says, and answers, for a plugin that cannot be run. */
const refusals: Readonly<
	Record<MissingPlugin["missing"], { exitCode: number; words: string }>
> = {
	"not found": { exitCode: NOT_FOUND, words: "not found" },
	"not executable": { exitCode: NOT_EXECUTABLE, words: "Permission denied" },
	empty: { exitCode: NOT_EXECUTABLE, words: "the file is empty" },
	busy: {
		exitCode: NOT_EXECUTABLE,
		words: "Text file busy (another program is writing it)",
	},
	"not permitted": {
		exitCode: NOT_EXECUTABLE,
		words:
			"Operation not permitted (most likely the file has a capability that the agent's unit or container takes away: getcap, CapabilityBoundingSet=)",
	},
};

/** What dash, the original's /bin/sh, said and answered for a plugin that cannot be run, with a reason where it gave none. */
export function missingAnswer({ missing, file }: MissingPlugin) {
	const { exitCode, words } = refusals[missing];
	return {
		exitCode,
		message: `stdout=, stderr=/bin/sh: 1: ${file}: ${words}\n`,
	};
}

/**
 * Standard output as it is when there is nothing else to say, otherwise `<stdout>, stderr=<stderr>`; silence is
 * `stdout=, stderr=`. Deaths by signal and cut outputs are told in the part of standard error.
 */
export function checkMessage({
	stdout,
	stderr,
	signal,
}: Pick<CommandResult, "stdout" | "stderr" | "signal">): string {
	const errors = withNotes(
		stderr.text,
		deathNote(signal),
		cutNote("stdout", stdout),
		cutNote("stderr", stderr),
	);
	if (stdout.text === "") return `stdout=, stderr=${errors}`;
	return errors === "" ? stdout.text : `${stdout.text}, stderr=${errors}`;
}

/** What a command with merged outputs wrote; its death by a signal and a cut are told at the end. */
export function outputText({
	stdout,
	signal,
}: Pick<CommandResult, "stdout" | "signal">): string {
	return withNotes(stdout.text, deathNote(signal), cutNote("output", stdout));
}

function deathNote(signal: string | undefined) {
	return signal ? `terminated by ${signal}\n` : "";
}

function cutNote(name: string, { cut, kept, bytes }: Captured) {
	return cut ? `${name} cut: ${kept} of ${bytes} bytes kept\n` : "";
}

/** Notes stand on lines of their own. */
function withNotes(text: string, ...notes: string[]) {
	const all = notes.join("");
	return all && text && !text.endsWith("\n")
		? `${text}\n${all}`
		: `${text}${all}`;
}

/**
 * The exit status, or 128 plus the number of the signal, as shells count. A command that did not end has neither:
 * UNKNOWN (3).
 */
export function exitCode({
	exitStatus,
	signalNumber,
}: Pick<CommandResult, "exitStatus" | "signalNumber">): number {
	if (exitStatus !== undefined) return exitStatus;
	return signalNumber === undefined ? UNKNOWN : 128 + signalNumber;
}
