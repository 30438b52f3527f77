import { busy, Problem } from "../problem.ts";
import {
	type CommandLine,
	type CommandResult,
	CommandStartError,
	type Commands,
} from "./command.ts";
import { NoSlotError, type Slots } from "./slots.ts";

/** How long a request lets its command run. */
export interface RunLimits {
	/** What the caller will still wait; can only lower the agent's own limit. */
	millisecondsLeft: number | undefined;
	/** Aborted when the client has gone. */
	signal: AbortSignal;
}

/**
 * Runs a command when its turn comes. Problem 503 when none of the running
 * ones ended in time, or when the agent is stopping; 400 for a line longer than
 * the system takes; CommandStartError for whatever else keeps it from starting.
 */
export type RunCommand = (
	line: CommandLine,
	limits: RunLimits,
) => Promise<CommandResult>;

export function createRunner(parts: {
	commands: Pick<Commands, "run">;
	slots: Slots;
	maxCommands: number;
	timeoutSeconds: number;
}): RunCommand {
	const { commands, slots, maxCommands, timeoutSeconds } = parts;
	return async (line, { millisecondsLeft, signal }) => {
		const askedAt = performance.now();
		/** What is left of the agent's limit and of the caller's patience. */
		const timeLeft = () =>
			Math.min(
				timeoutSeconds * 1000,
				(millisecondsLeft ?? Number.POSITIVE_INFINITY) -
					(performance.now() - askedAt),
			);
		const waitMilliseconds = Math.max(0, timeLeft());
		const release = await slots
			.acquire({ timeoutMilliseconds: waitMilliseconds, signal })
			.catch((error) => {
				if (!(error instanceof NoSlotError)) throw busy("the client has gone");
				throw busy(
					error.reason === "too many waiting"
						? `${maxCommands} commands are running (max-commands) and ${slots.waiting} requests are waiting`
						: `${maxCommands} commands are running (max-commands) and none ended within ${waitMilliseconds / 1000} seconds`,
				);
			});
		try {
			const timeoutMilliseconds = Math.max(1, timeLeft());
			const result = await commands.run(line, { timeoutMilliseconds, signal });
			if (result.cancelled) throw busy("the agent is stopping");
			return result;
		} catch (error) {
			if (error instanceof CommandStartError && error.code === "E2BIG")
				throw new Problem(
					400,
					`command line of ${line.file}: longer than the system takes`,
				);
			throw error;
		} finally {
			release();
		}
	};
}
