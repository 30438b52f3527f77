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

/** An agent answered, but not what a function that makes several calls needs to go on. */
export class AgentRefused extends Error {
	override name = "AgentRefused";
	/** HTTP status of the answer. */
	readonly status: number;

	constructor(message: string, status: number) {
		super(message);
		this.status = status;
	}
}
