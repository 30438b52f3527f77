import { problemType } from "../../../src/client/index.ts";

/** Why a host has no data. */
export interface Failure {
	/**
	 * - `unreachable`: no answer, of the agent or of a bastion
	 * - `untrusted`: its certificate could not be verified
	 * - `unsupported`: the agent does not know the operation (404), as an original one
	 * - `refused`: the agent answered that it will not
	 * - `failed`: it tried, or its answer makes no sense
	 */
	reason: "unreachable" | "untrusted" | "unsupported" | "refused" | "failed";
	/** The HTTP status, if there was an answer. */
	status?: number;
	/** One line. */
	message: string;
}

/** What became of one host; `--output json` is an array of these. */
export type HostAnswer<T> =
	| { host: string; ok: true; data: T }
	| { host: string; ok: false; error: Failure };

/** Thrown by the work on one host, so that the others go on. */
export class HostFailure extends Error {
	override name = "HostFailure";
	readonly failure: Failure;

	constructor(failure: Failure) {
		super(failure.message);
		this.failure = failure;
	}
}

/** Those that have data. */
export const answered = <T>(answers: readonly HostAnswer<T>[]) =>
	answers.filter((answer) => answer.ok);

/** 0 if every host did what it was asked, 1 if one did not. */
export const exitStatus = (answers: readonly HostAnswer<unknown>[]) =>
	answers.every(({ ok }) => ok) ? 0 : 1;

/** What an answer of an agent is, in the words of openapi-fetch. */
export interface Answered<T> {
	data?: T | undefined;
	error?: unknown;
	response: Response;
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
	typeof value === "object" && value !== null && !Array.isArray(value);

/** Whether a body is a problem: agents that are too old for types have their titles only. */
export const isProblem = (body: unknown): boolean =>
	problemType(body) !== undefined ||
	(isRecord(body) && body.title !== undefined);

/** Whether a refusal says that the agent does not know the operation: of the original it has no type. */
export const isUnsupported = (refused: { status: number; type?: unknown }) =>
	refused.status === 404 &&
	(refused.type === undefined ||
		refused.type === "urn:happo:problem:no-such-path");

const isPlainText = ({ headers }: Response) =>
	/^text\/plain\b/i.test(headers.get("content-type") ?? "");

/** The reason in the body of a refusal: of a problem, a relay's check result, or a plain text. */
export function reasonIn(body: unknown): string {
	if (typeof body === "string") return body.trim().slice(0, 500);
	if (!isRecord(body)) return "";
	const reason = [body.detail, body.message, body.error, body.return_value];
	return (
		reason.find((text): text is string => typeof text === "string") ?? ""
	).trim();
}

/**
 * Why an agent did not do it.
 * @param operation as people know it: `/metric/peek`
 */
export function refusal(
	response: Response,
	body: unknown,
	operation: string,
): HostFailure {
	const { status } = response;
	const reason = reasonIn(body);
	const type = problemType(body);
	// the client puts about:blank for an empty body
	const { type: named } = isRecord(body) ? body : { type: "about:blank" };
	if (status === 404 && named === "about:blank")
		return new HostFailure({
			reason: "unsupported",
			status,
			message: `it has no ${operation} (404), as agents of the original, or is no agent`,
		});
	// no agent has another refusal without a problem
	if (status === 403 && typeof body === "string" && isPlainText(response))
		return new HostFailure({
			reason: "refused",
			status,
			message:
				"Access Denied (403): its allowed-hosts does not name this machine, or the bastion in front of it",
		});
	// a relay that could not reach the next hop answers as a check does
	const isRelay =
		(status === 500 || status === 504) &&
		isRecord(body) &&
		body.return_value === 3 &&
		!isProblem(body);
	return new HostFailure({
		reason: isRelay
			? "unreachable"
			: type === "urn:happo:problem:no-such-path"
				? "unsupported"
				: status < 500
					? "refused"
					: "failed",
		status,
		message: reason === "" ? `answered ${status}` : `${reason} (${status})`,
	});
}

/** An answer that is JSON, and still nothing that an agent answers. */
export const senseless = (status: number, detail = "") =>
	new HostFailure({
		reason: "failed",
		status,
		message: `its answer is not what an agent answers${detail && ` (${detail})`}`,
	});

/**
 * The data of an answer.
 * @throws HostFailure
 */
export async function dataOf<T>(
	asked: Promise<Answered<T>>,
	operation: string,
): Promise<T> {
	const { data, error, response } = await asked;
	if (!response.ok) throw refusal(response, error, operation);
	if (data === undefined || data === null) throw senseless(response.status);
	return data;
}
