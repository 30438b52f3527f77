import { STATUS_CODES } from "node:http";
import type { components } from "../../../generated/web-schema.ts";
import { AgentError } from "../../../src/agent-error.ts";

type Problem = components["schemas"]["Problem"];

type ProblemCode = Problem["type"] extends `urn:happo:problem:${infer Code}`
	? Code
	: never;

const statuses: Readonly<Record<ProblemCode, number>> = {
	"bad-request": 400,
	"bad-token": 401,
	"no-session": 401,
	foreign: 403,
	"not-found": 404,
	"no-such-method": 405,
	"body-too-large": 413,
	busy: 503,
	internal: 500,
};

/** Why a request of a page is refused. */
export class WebProblem extends Error {
	override name = "WebProblem";
	readonly code: ProblemCode;

	constructor(code: ProblemCode, message: string) {
		super(message);
		this.code = code;
	}

	get status(): number {
		return statuses[this.code];
	}

	/** The body of the answer (RFC 9457). */
	get body(): Problem {
		return {
			type: `urn:happo:problem:${this.code}`,
			title: STATUS_CODES[this.status] ?? "Error",
			status: this.status,
			detail: this.message,
		};
	}
}

/** The problems of Fastify that clients cause, by its status. */
const ofFastify: Readonly<Record<number, ProblemCode>> = {
	400: "bad-request",
	404: "not-found",
	413: "body-too-large",
	415: "bad-request",
};

/**
 * Turns anything thrown into a problem; undefined for errors of the program itself. The texts of
 * the agent's own code, which validates and parses, are about the request.
 */
export function toWebProblem(error: unknown): WebProblem | undefined {
	if (error instanceof WebProblem) return error;
	if (error instanceof AgentError)
		return new WebProblem(
			error.code === "body-too-large" ? error.code : "bad-request",
			error.message,
		);
	const { statusCode = 500, message } = error as {
		statusCode?: number;
		message?: string;
	};
	const code = ofFastify[statusCode];
	return code && new WebProblem(code, message ?? code);
}
