import { problemType } from "../../../src/client/index.ts";
import {
	accessDenied,
	accessDeniedReason,
	isRecord,
	reasonIn,
} from "../../../src/protocol/reason.ts";

/** Why there is no data from a host. */
export interface Failure {
	/**
	 * - `unreachable`: no answer from the agent or from a bastion
	 * - `untrusted`: the certificate could not be verified
	 * - `unsupported`: the agent does not have the operation (404), as in v1
	 * - `refused`: the agent refused the request
	 * - `failed`: the agent failed, or its answer is invalid
	 */
	reason: "unreachable" | "untrusted" | "unsupported" | "refused" | "failed";
	/** The HTTP status, if there was an answer. */
	status?: number;
	/** One line. */
	message: string;
}

/** The result for one host; `--output json` writes an array of these. */
export type HostAnswer<T> =
	| { host: string; ok: true; data: T }
	| { host: string; ok: false; error: Failure };

/** The work on one host throws it; the work on other hosts goes on. */
export class HostFailure extends Error {
	override name = "HostFailure";
	readonly failure: Failure;

	constructor(failure: Failure) {
		super(failure.message);
		this.failure = failure;
	}
}

/** The answers that have data. */
export const answered = <T>(answers: readonly HostAnswer<T>[]) =>
	answers.filter((answer) => answer.ok);

/** Exit status: 0 if all hosts succeeded, otherwise 1. */
export const exitStatus = (answers: readonly HostAnswer<unknown>[]) =>
	answers.every(({ ok }) => ok) ? 0 : 1;

/** An answer of an agent, as openapi-fetch returns it. */
export interface Answered<T> {
	data?: T | undefined;
	error?: unknown;
	response: Response;
}

/** Whether a body is a problem; problems of older agents have a title but no type. */
export const isProblem = (body: unknown): boolean =>
	problemType(body) !== undefined ||
	(isRecord(body) && body.title !== undefined);

/** Whether a refusal means that the agent does not have the operation; v1 sends no type. */
export const isUnsupported = (refused: { status: number; type?: unknown }) =>
	refused.status === 404 &&
	(refused.type === undefined ||
		refused.type === "urn:happo:problem:no-such-path");

const isPlainText = ({ headers }: Response) =>
	/^text\/plain\b/i.test(headers.get("content-type") ?? "");

/**
 * Explains an answer that is an error.
 * @param operation path for the message: `/metric/peek`
 */
export function refusal(
	response: Response,
	body: unknown,
	operation: string,
): HostFailure {
	const { status } = response;
	const reason = reasonIn(body);
	const type = problemType(body);
	// the client replaces an empty body by a problem with this type
	const { type: named } = isRecord(body) ? body : { type: "about:blank" };
	if (status === 404 && named === "about:blank")
		return new HostFailure({
			reason: "unsupported",
			status,
			message: `it has no ${operation} (404): it is v1 (Go), or no agent`,
		});
	if (type === "urn:happo:problem:no-such-path")
		return new HostFailure({
			reason: "unsupported",
			status,
			message: `it has no ${operation} (404): its version is older`,
		});
	// agents send no other refusal as plain text
	if (status === 403 && typeof body === "string" && isPlainText(response))
		return new HostFailure({
			reason: "refused",
			status,
			message: `${accessDenied} (403): ${accessDeniedReason}`,
		});
	// a relay that cannot reach the next hop answers with a check result
	const isRelay =
		(status === 500 || status === 504) &&
		isRecord(body) &&
		body.return_value === 3 &&
		!isProblem(body);
	return new HostFailure({
		reason: isRelay ? "unreachable" : status < 500 ? "refused" : "failed",
		status,
		message: reason === "" ? `answered ${status}` : `${reason} (${status})`,
	});
}

/** The failure for an answer that is JSON but does not fit the contract. */
export const senseless = (status: number, detail = "") =>
	new HostFailure({
		reason: "failed",
		status,
		message: `its answer does not fit the contract${detail && ` (${detail})`}`,
	});

/**
 * The data of an answer.
 * @param operation path for messages
 * @throws HostFailure if there is none
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
