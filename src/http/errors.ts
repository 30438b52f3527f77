import { STATUS_CODES } from "node:http";
import { AgentError, type ErrorCode } from "../agent-error.ts";
import type { LogRepeats } from "../log-repeats.ts";
import { strictJson } from "../strict-json.ts";
import type { Answer } from "./reply.ts";

const retryAfter = (seconds: number) => ({ "retry-after": String(seconds) });

/** What HTTP makes of each code: the status, and headers. */
const forms: Readonly<
	Record<ErrorCode, { status: number; headers?: Record<string, string> }>
> = {
	"bad-http": { status: 400 },
	"bad-body": { status: 400 },
	"bad-request": { status: 400 },
	"bad-relay": { status: 400 },
	forbidden: { status: 403 },
	"destination-forbidden": { status: 403 },
	"web-page": { status: 403 },
	"no-such-path": { status: 404 },
	"misrelayed-get": { status: 404 },
	"turned-off": { status: 404 },
	"no-such-method": { status: 405 },
	"request-timeout": { status: 408 },
	"body-too-large": { status: 413 },
	"headers-too-large": { status: 431 },
	internal: { status: 500 },
	"not-started": { status: 500 },
	busy: { status: 503, headers: retryAfter(5) },
	"relay-busy": { status: 503, headers: retryAfter(5) },
	stopping: { status: 503, headers: retryAfter(5) },
	// readers make room as they take metrics
	"store-full": { status: 503, headers: retryAfter(60) },
	"store-unavailable": { status: 503, headers: retryAfter(10) },
};

/** The HTTP status of a code. */
export const statusOf = (code: ErrorCode): number => forms[code].status;

/** What check and inventory clients decode whatever the status is. */
function clientShape(path: string, detail: string) {
	switch (path) {
		case "/monitor":
		case "/proxy":
			return { return_value: 3, message: detail };
		case "/inventory":
			return { return_code: 125, return_value: detail };
		default:
			return {};
	}
}

/** The body of a problem (RFC 9457), in the shape that clients of the path decode as well. */
export function problemBody({ code, message }: AgentError, path: string) {
	const status = statusOf(code);
	return {
		type: `urn:happo:problem:${code}`,
		title: STATUS_CODES[status] ?? "Error",
		status,
		detail: message,
		...clientShape(path, message),
	};
}

/**
 * An error as an answer.
 * @param path of the operation as the contract writes it; "" if there is none
 */
export function problemAnswer(
	error: AgentError,
	path: string,
	headers: Record<string, string> = {},
): Answer {
	return {
		status: statusOf(error.code),
		headers: {
			"content-type": "application/problem+json",
			...forms[error.code].headers,
			...headers,
		},
		payload: strictJson(problemBody(error, path)),
	};
}

/** v1's words, because clients look for them. */
const accessDenied: Answer = {
	status: 403,
	headers: {
		"content-type": "text/plain; charset=utf-8",
		"x-content-type-options": "nosniff",
		connection: "close",
	},
	payload: "Access Denied\n",
};

/** Why a request is refused before anything is done: an error, or that its peer is not in allowed-hosts. */
export type Objection = AgentError | "denied";

/** An objection as an answer; parameters as for `problemAnswer`. */
export const objectionAnswer = (
	why: Objection,
	path: string,
	headers?: Record<string, string>,
): Answer =>
	why === "denied" ? accessDenied : problemAnswer(why, path, headers);

/** An objection as the log and the figures want it. */
export const objectionRecord = (why: Objection) =>
	why === "denied"
		? { status: accessDenied.status, refusal: "Access Denied" }
		: { status: statusOf(why.code), refusal: why.logged };

/**
 * Whatever was thrown, as an AgentError. Anything else is the agent's own fault:
 * it goes to the log with its stack, once an hour for a path, and tells the client nothing.
 */
export function toAgentError(
	error: unknown,
	trouble: Pick<LogRepeats, "wrong">,
	path: string,
): AgentError {
	if (error instanceof AgentError) return error;
	const kind = String(error);
	const text = error instanceof Error ? (error.stack ?? kind) : kind;
	trouble.wrong(`internal error at ${path}`, {
		kind,
		level: "error",
		lines: [`internal error: ${text}`],
	});
	return new AgentError("internal", "internal error");
}
