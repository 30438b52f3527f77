import type { AgentClient } from "../../../src/client/index.ts";
import type { AgentCall } from "../agent-command.ts";
import { type HostAnswer, HostFailure } from "../target/answer.ts";
import type { Target } from "../target/targets.ts";

/** Asks an agent something. Throws HostFailure if the agent refuses or fails. */
type WebWork<T> = (client: AgentClient, signal: AbortSignal) => Promise<T>;

/**
 * Asks one agent; never rejects.
 * @param signal gives up when it aborts
 * @param seconds a limit besides that of `--timeout-seconds`
 */
export type Ask = <T>(
	target: Target,
	work: WebWork<T>,
	signal: AbortSignal,
	seconds?: number,
) => Promise<HostAnswer<T>>;

/** @param complain gets errors of the program itself */
export function createAsk(
	askOne: AgentCall<Record<never, never>>["askOne"],
	complain: (line: string) => void,
): Ask {
	return async (target, work, given, seconds) => {
		const limit =
			seconds === undefined
				? given
				: AbortSignal.any([given, AbortSignal.timeout(seconds * 1000)]);
		try {
			return await askOne(
				target,
				async (client, _, signal) => {
					try {
						return await work(client, signal);
					} catch (error) {
						if (!limit.aborted) throw error;
						throw new HostFailure({
							reason: "unreachable",
							message: given.aborted
								? "nobody waits for its answer any more"
								: `no answer within ${seconds} seconds`,
						});
					}
				},
				limit,
			);
		} catch (error) {
			complain(`internal error: ${(error as Error).stack ?? error}`);
			return {
				...{ host: target.name, ok: false },
				error: { reason: "failed", message: "internal error of happo-ctl" },
			};
		}
	};
}
