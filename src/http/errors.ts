import { STATUS_CODES } from "node:http";
import { AgentError, type ErrorCode } from "../agent-error.ts";
import type { LogRepeats } from "../log-repeats.ts";
import { strictJson } from "../strict-json.ts";
import type { Answer } from "./reply.ts";

const retryAfter = (seconds: number) => ({ "retry-after": String(seconds) });

/** Status and headers for each error code. */
const forms: Readonly<
	Record<ErrorCode, { status: number; headers?: Record<string, string> }>
> = {
	"bad-http": { status: 400 },
	"bad-body": { status: 400 },
	"bad-request": { status: 400 },
	"bad-relay": { status: 400 },
	"unknown-consumer": { status: 400 },
	forbidden: { status: 403 },
	"not-permitted": { status: 403 },
	"destination-forbidden": { status: 403 },
	"web-page": { status: 403 },
	"no-such-path": { status: 404 },
	"misrelayed-get": { status: 404 },
	"turned-off": { status: 404 },
	"no-such-method": { status: 405 },
	"request-timeout": { status: 408 },
	"body-too-large": { status: 413 },
	"rate-limited": { status: 429, headers: retryAfter(1) },
	"headers-too-large": { status: 431 },
	internal: { status: 500 },
	"not-started": { status: 500 },
	"audit-failed": { status: 503, headers: retryAfter(10) },
	busy: { status: 503, headers: retryAfter(5) },
	"relay-busy": { status: 503, headers: retryAfter(5) },
	stopping: { status: 503, headers: retryAfter(5) },
	// consumers make room when they take metrics
	"store-full": { status: 503, headers: retryAfter(60) },
	"store-unavailable": { status: 503, headers: retryAfter(10) },
};

/** Returns the HTTP status of an error code. */
export const statusOf = (code: ErrorCode): number => forms[code].status;

/** The fields that check and inventory clients decode, whatever the status. */
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

/** Builds a problem's body (RFC 9457), with the fields that clients of the path decode. */
export function problemBody({ code, message, id }: AgentError, path: string) {
	const status = statusOf(code);
	return {
		type: `urn:happo:problem:${code}`,
		title: STATUS_CODES[status] ?? "Error",
		status,
		detail: message,
		...(id !== undefined && { id }),
		...clientShape(path, message),
	};
}

/**
 * Turns an error into an answer.
 * @param path of the operation, as in the contract; "" if there is none
 */
export function problemAnswer(
	error: AgentError,
	path: string,
	headers: Record<string, string> = {},
): Answer {
	if (error.isCheckResult && (path === "/monitor" || path === "/proxy"))
		return {
			status: 200,
			headers: { "content-type": "application/json; charset=UTF-8" },
			payload: strictJson(clientShape(path, error.message)),
		};
	return {
		status: statusOf(error.code),
		headers: {
			"content-type": "application/problem+json",
			...forms[error.code].headers,
			...(error.retryAfterSeconds !== undefined &&
				retryAfter(error.retryAfterSeconds)),
			...headers,
		},
		payload: strictJson(problemBody(error, path)),
	};
}

/** The text of v1 (Go), because clients look for it. */
const accessDenied: Answer = {
	status: 403,
	headers: {
		"content-type": "text/plain; charset=utf-8",
		"x-content-type-options": "nosniff",
		connection: "close",
	},
	payload: "Access Denied\n",
};

/** Why a request is refused before it runs: an error, or a peer that is not in allowed-hosts. */
export type Objection = AgentError | "denied";

/** Turns an objection into an answer; the parameters are those of `problemAnswer`. */
export const objectionAnswer = (
	why: Objection,
	path: string,
	headers?: Record<string, string>,
): Answer =>
	why === "denied" ? accessDenied : problemAnswer(why, path, headers);

/** Status and reason of an objection, for the access log and the agent's own metrics. */
export const objectionRecord = (why: Objection) =>
	why === "denied"
		? { status: accessDenied.status, refusal: "Access Denied" }
		: { status: statusOf(why.code), refusal: why.logged };

/**
 * Turns anything thrown into an AgentError. Other errors are the agent's own fault: they are logged
 * with their stack, once an hour for each path, and the client learns no details.
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
