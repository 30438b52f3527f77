import { AgentError } from "../agent-error.ts";
import { exitCode } from "../commands/answer.ts";
import type { CommandResult } from "../commands/command.ts";
import type { Facts } from "../operation.ts";

/**
 * Runs work that collects facts about a request for the access log and the agent's own metrics. The
 * facts are added to the reply, or to an AgentError.
 */
export async function withFacts<R extends { facts?: Facts }>(
	work: (facts: Facts) => Promise<R>,
): Promise<R> {
	const facts: Facts = {};
	try {
		const reply = await work(facts);
		reply.facts = facts;
		return reply;
	} catch (error) {
		if (error instanceof AgentError) Object.assign(error.facts, facts);
		throw error;
	}
}

/** How a plugin or command ended. */
export function factsOf(result: CommandResult): Facts {
	const { timedOut, durationMilliseconds } = result;
	return {
		timedOut,
		ranMilliseconds: durationMilliseconds,
		...(timedOut
			? { reason: "stopped at the time limit" }
			: { exitStatus: exitCode(result) }),
	};
}
