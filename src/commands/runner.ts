import { AgentError } from "../agent-error.ts";
import { type FairLimit, LimitReached } from "../fair-limit.ts";
import {
	type CommandLine,
	type CommandResult,
	CommandStartError,
	type Commands,
} from "./command.ts";

/** How long a request lets its command run. */
export interface RunLimits {
	/** Clients share the places. */
	client: string;
	/**
	 * What the caller will still wait. No command waits longer than that for its turn;
	 * how long it may run is the agent's own limit, and who gives up says so.
	 */
	millisecondsLeft: number | undefined;
	/** Aborted when the client has gone. */
	signal: AbortSignal;
}

/**
 * Runs a command when its turn comes. AgentError `busy` when none of the running
 * ones ended in time, `stopping` when the agent is stopping, `bad-request` for a line longer than
 * the system takes; CommandStartError for whatever else keeps it from starting.
 */
export type RunCommand = (
	line: CommandLine,
	limits: RunLimits,
) => Promise<CommandResult>;

export function createRunner(parts: {
	commands: Pick<Commands, "run">;
	places: FairLimit;
	maxCommands: number;
	timeoutSeconds: number;
}): RunCommand {
	const { commands, places, maxCommands, timeoutSeconds } = parts;
	return async (line, { client, millisecondsLeft, signal }) => {
		const timeoutMilliseconds = timeoutSeconds * 1000;
		const waitMilliseconds = Math.min(
			timeoutMilliseconds,
			millisecondsLeft ?? Number.POSITIVE_INFINITY,
		);
		const place = await places
			.acquire({ client, timeoutMilliseconds: waitMilliseconds, signal })
			.catch((error) => {
				if (!(error instanceof LimitReached))
					throw new AgentError("busy", "the client has gone");
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
			});
			if (result.cancelled)
				throw new AgentError("stopping", "the agent is stopping");
			return result;
		} catch (error) {
			if (error instanceof CommandStartError && error.code === "E2BIG")
				throw new AgentError(
					"bad-request",
					`command line of ${line.file}: longer than the system takes`,
				);
			throw error;
		} finally {
			place.release();
		}
	};
}
