import type { Abandonment } from "../abandonment.ts";
import { AgentError } from "../agent-error.ts";
import { type FairLimit, LimitReached } from "../fair-limit.ts";
import {
	type CommandLine,
	type CommandResult,
	CommandStartError,
	type Commands,
} from "./command.ts";

/** The request that a command runs for, and its limits. */
export interface RunLimits {
	/** Address of the client; places are shared among clients. */
	client: string;
	/**
	 * Milliseconds until the request's deadline. They limit the wait for a place, not the command's
	 * run time: that is `timeoutSeconds`.
	 */
	millisecondsLeft: number | undefined;
	/** The command's own time limit in seconds; by default that of all commands. */
	timeoutSeconds?: number | undefined;
	/** Aborted when the client disconnects. */
	signal: Abandonment;
	/** Resolves when there is memory for this many bytes of output; undefined means no limit. */
	reserve?(bytes: number): Promise<void> | undefined;
}

/**
 * Runs a command once it has a place. Rejects with AgentError `busy` if no place, or no memory for
 * its output, becomes free in time, `stopping` if the agent is stopping, `bad-request` if the
 * command line is longer than the system allows; with CommandStartError if it cannot be started for
 * another reason.
 */
export type RunCommand = (
	line: CommandLine,
	limits: RunLimits,
) => Promise<CommandResult>;

/**
 * Creates the function that runs commands for requests.
 * @param parts.places limits the commands running at once
 * @param parts.maxCommands the number of places, for messages
 * @param parts.timeoutSeconds how long a command may run
 */
export function createRunner(parts: {
	commands: Pick<Commands, "run">;
	places: FairLimit;
	maxCommands: number;
	timeoutSeconds: number;
}): RunCommand {
	const { commands, places, maxCommands, timeoutSeconds } = parts;
	return async (line, limits) => {
		const { client, millisecondsLeft, signal } = limits;
		const timeoutMilliseconds =
			(limits.timeoutSeconds ?? timeoutSeconds) * 1000;
		const waitMilliseconds = Math.min(
			timeoutMilliseconds,
			millisecondsLeft ?? Number.POSITIVE_INFINITY,
		);
		const place = await places
			.acquire({ client, timeoutMilliseconds: waitMilliseconds, signal })
			.catch((error) => {
				if (!(error instanceof LimitReached))
					throw new AgentError("busy", "the client has disconnected");
				throw new AgentError(
					"busy",
					error.reason === "too many waiting"
						? `${maxCommands} commands are running (max-commands) and ${places.waiting} requests are waiting`
						: `${maxCommands} commands are running (max-commands) and none ended within ${waitMilliseconds / 1000} seconds`,
				);
			});
		try {
			const result = await commands.run(line, {
				timeoutMilliseconds,
				signal,
				client,
				reserve: async (bytes) => limits.reserve?.(bytes),
			});
			if (result.lacksMemory)
				throw new AgentError(
					"busy",
					`output of ${line.file}: no memory for it in time (max-buffered-bytes)`,
				);
			if (result.cancelled)
				throw new AgentError("stopping", "the agent is stopping");
			return result;
		} catch (error) {
			if (error instanceof CommandStartError && error.code === "E2BIG")
				throw new AgentError(
					"bad-request",
					`command line of ${line.file}: longer than the system allows`,
				);
			throw error;
		} finally {
			place.release();
		}
	};
}
