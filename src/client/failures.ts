import { NoAnswer } from "../protocol/relay-error.ts";
import type { ProblemType } from "./answer-check.ts";

/** There is no answer to a call. */
export class AgentUnreachable extends NoAnswer {
	override name = "AgentUnreachable";
}

/** An answer that does not fit the contract: from another program or a broken agent. */
export class UnexpectedAnswer extends AgentUnreachable {
	override name = "UnexpectedAnswer";
	/** HTTP status of the answer. */
	readonly status: number;
	/** Where and how its body does not fit: `store.reason: a number, not a string`. */
	readonly offence: string;

	constructor(place: string, status: number, offence: string) {
		super(`${place}: the answer does not fit the contract: ${offence}`);
		this.status = status;
		this.offence = offence;
	}
}

/** An agent refused one call of a function that makes several, so the function cannot go on. */
export class AgentRefused extends Error {
	override name = "AgentRefused";
	/** HTTP status of the answer. */
	readonly status: number;
	/**
	 * Type of the problem that the agent answered; undefined for refusals without one, as from v1.
	 */
	readonly type: ProblemType | undefined;

	constructor(message: string, status: number, type?: ProblemType) {
		super(message);
		this.status = status;
		this.type = type;
	}
}
