import type { ProblemType } from "./answer-check.ts";

/** No answer to a call: one line that names the hop and the reason. */
export class AgentUnreachable extends Error {
	override name = "AgentUnreachable";
	/** The time was over. */
	readonly isTimeout: boolean;
	/** Not a byte of the request had been sent: it was not done. Otherwise nobody knows. */
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

/** Something answered, but not what the contract says: no agent, or a broken one. */
export class UnexpectedAnswer extends AgentUnreachable {
	override name = "UnexpectedAnswer";
	/** HTTP status of the answer. */
	readonly status: number;
	/** What is wrong with its body, with the place: `store.reason: a number, not a string`. */
	readonly offence: string;

	constructor(place: string, status: number, offence: string) {
		super(`${place}: the answer is not what an agent answers: ${offence}`);
		this.status = status;
		this.offence = offence;
	}
}

/** An agent answered, but not what a function that makes several calls needs to go on. */
export class AgentRefused extends Error {
	override name = "AgentRefused";
	/** HTTP status of the answer. */
	readonly status: number;
	/** Of the problem that was answered; undefined for refusals without one, as the original's. */
	readonly type: ProblemType | undefined;

	constructor(message: string, status: number, type?: ProblemType) {
		super(message);
		this.status = status;
		this.type = type;
	}
}
