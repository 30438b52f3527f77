import type { Log } from "./log.ts";

const titles: Record<number, string> = {
	400: "Bad Request",
	403: "Forbidden",
	404: "Not Found",
	405: "Method Not Allowed",
	408: "Request Timeout",
	413: "Payload Too Large",
	431: "Request Header Fields Too Large",
	500: "Internal Server Error",
	501: "Not Implemented",
	503: "Service Unavailable",
};

/**
 * Why a request is not answered as asked: an HTTP status and one line that
 * names the field and the value. Everything that is no declared outcome of an
 * operation is thrown as one of these.
 */
export class Problem extends Error {
	readonly status: number;
	readonly headers: Record<string, string>;
	/** What the log says: the detail, without a value that may be a secret. */
	readonly logged: string;

	constructor(
		status: number,
		detail: string,
		{
			headers = {},
			logged = detail,
		}: { headers?: Record<string, string>; logged?: string } = {},
	) {
		super(detail);
		this.status = status;
		this.headers = headers;
		this.logged = logged;
	}
}

/** The problem for too much work at once; `Retry-After` in seconds. */
export function busy(detail: string, retryAfterSeconds = 5): Problem {
	return new Problem(503, detail, {
		headers: { "retry-after": String(retryAfterSeconds) },
	});
}

/**
 * Whatever was thrown, as a problem. Anything but a Problem is the agent's own
 * fault: it goes to the log with its stack and tells the client nothing.
 */
export function toProblem(error: unknown, log: Pick<Log, "error">): Problem {
	if (error instanceof Problem) return error;
	log.error(
		`internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
	);
	return new Problem(500, "internal error");
}

/**
 * The body of a problem (RFC 9457). Check clients decode their own shape
 * whatever the status is, so on their paths it is there as well.
 */
export function problemBody(problem: Problem, path: string) {
	const { status, message: detail } = problem;
	const body = { title: titles[status] ?? "Error", status, detail };
	switch (path.replace(/\/$/, "")) {
		case "/monitor":
		case "/proxy":
			return { ...body, return_value: 3, message: detail };
		case "/inventory":
			return { ...body, return_code: 125, return_value: detail };
		default:
			return body;
	}
}
