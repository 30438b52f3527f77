import type { ProblemType } from "./answer-check.ts";

/** There is no answer to a call. The message is one line with the hop and the reason. */
export class AgentUnreachable extends Error {
	override name = "AgentUnreachable";
	/** The time limit was reached. */
	readonly isTimeout: boolean;
	/** No byte of the request was sent, so it had no effect. Otherwise it may have had one. */
	readonly isUnsent: boolean;

	constructor(
		message: string,
		why: { isTimeout?: boolean; isUnsent?: boolean; cause?: unknown } = {},
	) {
		super(message.replace(/\s*\n\s*/g, " ").trim(), { cause: why.cause });
		this.isTimeout = why.isTimeout ?? false;
		this.isUnsent = why.isUnsent ?? false;
	}
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
