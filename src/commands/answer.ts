import type { Captured } from "../spawn/output.ts";
import type { CommandResult } from "./command.ts";
import type { MissingPlugin } from "./plugin.ts";

/** Nagios: UNKNOWN. */
const nagiosUnknown = 3;
/** The exit codes of shells for a command that cannot be executed, and for one that does not exist. */
const notExecutable = 126;
const notFound = 127;

/** Exit code and error text of a shell for a plugin that cannot be executed. */
const refusals: Readonly<
	Record<MissingPlugin["missing"], { exitCode: number; words: string }>
> = {
	"not found": { exitCode: notFound, words: "not found" },
	"not executable": { exitCode: notExecutable, words: "Permission denied" },
	empty: { exitCode: notExecutable, words: "the file is empty" },
	busy: {
		exitCode: notExecutable,
		words: "Text file busy (another program is writing it)",
	},
	"not permitted": {
		exitCode: notExecutable,
		words:
			"Operation not permitted (most likely the file has a capability that the agent's unit or container takes away: getcap, CapabilityBoundingSet=)",
	},
};

/**
 * The answer for a plugin that cannot be executed: the exit code and text of dash, which was
 * /bin/sh for v1 (Go), with the reason added where dash gives none.
 */
export function missingAnswer({ missing, file }: MissingPlugin) {
	const { exitCode, words } = refusals[missing];
	return {
		exitCode,
		message: `stdout=, stderr=/bin/sh: 1: ${file}: ${words}\n`,
	};
}

/**
 * The message of a check: standard output alone if there is nothing else, otherwise `<stdout>,
 * stderr=<stderr>`; without any output, `stdout=, stderr=`. The stderr part also notes a death by
 * signal and truncated outputs.
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

/**
 * The output of a command with merged streams, followed by notes on a death by signal and on
 * truncation.
 */
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

/** Appends notes, each on its own line. */
function withNotes(text: string, ...notes: string[]) {
	const all = notes.join("");
	return all && text && !text.endsWith("\n")
		? `${text}\n${all}`
		: `${text}${all}`;
}

/**
 * The exit code as shells count it: the exit status, or 128 plus the signal number; UNKNOWN (3) for
 * a command that has not ended.
 */
export function exitCode({
	exitStatus,
	signalNumber,
}: Pick<CommandResult, "exitStatus" | "signalNumber">): number {
	if (exitStatus !== undefined) return exitStatus;
	return signalNumber === undefined ? nagiosUnknown : 128 + signalNumber;
}
