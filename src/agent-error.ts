import type { components } from "../generated/schema.ts";
import type { Facts } from "./operation.ts";

type ProblemType = components["schemas"]["ProblemType"];

/** A kind of failure, as the contract lists it: a problem's type without `urn:happo:problem:`. */
export type ErrorCode = ProblemType extends `urn:happo:problem:${infer Code}`
	? Code
	: never;

/**
 * Why the agent does not do what it was asked to: a code for programs and one line
 * for people that names the field and the value. What HTTP makes of it is decided
 * in `src/http/errors.ts`.
 */
export class AgentError extends Error {
	override name = "AgentError";
	readonly code: ErrorCode;
	/** What the log says: the message, without a value that may be a secret. */
	readonly logged: string;
	/** What was found out about the request before it failed. */
	readonly facts: Facts;

	constructor(
		code: ErrorCode,
		message: string,
		{
			logged = message,
			facts = {},
			cause,
		}: { logged?: string; facts?: Facts; cause?: unknown } = {},
	) {
		super(message, { cause });
		this.code = code;
		this.logged = logged;
		this.facts = facts;
	}
}
