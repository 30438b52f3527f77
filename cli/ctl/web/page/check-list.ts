import type { components } from "../../../../generated/schema.ts";

type Schemas = components["schemas"];
export type Command = Schemas["CommandList"]["commands"][number];
export type Result = Schemas["ResultList"]["results"][number];

/** A check of a host: what the caller may run, and what came of it last. */
export interface Check {
	name: string;
	/** Undefined if the caller may not run it by this name. */
	command: Command | undefined;
	/** Undefined if it has not run since the agent started. */
	result: Result | undefined;
}

/** Worst first; those that have not run come last. */
const rank = ({ result }: Check) =>
	["CRITICAL", "UNKNOWN", "WARNING", "OK", undefined].indexOf(result?.state);

/** Commands and results as one list, worst first, otherwise by name. */
export function checksOf(
	commands: readonly Command[],
	results: readonly Result[],
): Check[] {
	const checks = new Map<string, Check>();
	for (const command of commands)
		if (command.for === "check")
			checks.set(command.name, {
				name: command.name,
				command,
				result: undefined,
			});
	for (const result of results)
		checks.set(result.check, {
			name: result.check,
			command: checks.get(result.check)?.command,
			result,
		});
	return [...checks.values()].sort(
		(one, other) =>
			rank(one) - rank(other) ||
			(one.name < other.name ? -1 : one.name > other.name ? 1 : 0),
	);
}

/** More than this of a line cannot be seen. */
const lineCharacters = 300;

/** What a plugin says in its first line that is not blank, without performance data. */
export const lineOf = (output: string): string =>
	(
		/^[^\n|]*/.exec(output.trimStart().slice(0, lineCharacters))?.[0] ?? ""
	).trim();

/** How a check ended, in a few words. */
export function endText({ exit_status, timed_out }: Result): string {
	if (timed_out) return "Stopped at its time limit";
	return exit_status === null
		? "Could not be started"
		: `Ended with exit status ${exit_status}`;
}

/** Who asked for a check, in a few words. */
export function askerText({ who, address, unproved_hops }: Result["asked_by"]) {
	const name = who.length > 0 ? who.join(", ") : undefined;
	const from = address ?? "the admin socket";
	const hops =
		unproved_hops > 0
			? ` through ${unproved_hops} ${unproved_hops === 1 ? "agent" : "agents"}`
			: "";
	return `${name === undefined ? from : `${name} (${from})`}${hops}`;
}
