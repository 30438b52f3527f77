import type { components } from "../generated/schema.ts";
import type { Facts } from "./operation.ts";

type ProblemType = components["schemas"]["ProblemType"];

/** A kind of failure from the contract: a problem's type without `urn:happo:problem:`. */
export type ErrorCode = ProblemType extends `urn:happo:problem:${infer Code}`
	? Code
	: never;

/**
 * Why the agent refuses or fails to do something: a code for programs, and one line for people that
 * names the field and the value. `src/http/errors.ts` maps codes to HTTP.
 */
export class AgentError extends Error {
	override name = "AgentError";
	readonly code: ErrorCode;
	/** The message for the log, without a value that may be a secret. */
	readonly logged: string;
	/** Facts about the request that were known before it failed. */
	readonly facts: Facts;
	/** Id of the policy's decision, if that is the reason. */
	readonly id: string | undefined;
	/** Seconds after which the client may try again; undefined for the usual time of the code. */
	readonly retryAfterSeconds: number | undefined;
	/** Check clients get it as a check result with status 200, because they do not read others. */
	readonly isCheckResult: boolean;

	constructor(
		code: ErrorCode,
		message: string,
		{
			logged = message,
			facts = {},
			cause,
			id,
			retryAfterSeconds,
			isCheckResult = false,
		}: {
			logged?: string;
			facts?: Facts;
			cause?: unknown;
			id?: string;
			retryAfterSeconds?: number;
			isCheckResult?: boolean;
		} = {},
	) {
		super(message, { cause });
		this.code = code;
		this.logged = logged;
		this.facts = facts;
		this.id = id;
		this.retryAfterSeconds = retryAfterSeconds;
		this.isCheckResult = isCheckResult;
	}
}
