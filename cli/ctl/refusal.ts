import { HostFailure } from "./answer.ts";

/** What an answer of an agent is, in the words of openapi-fetch. */
export interface Answered<T> {
	data?: T | undefined;
	error?: unknown;
	response: Response;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
	typeof value === "object" && value !== null && !Array.isArray(value);

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
	if (status === 404 && !isRecord(body))
		return new HostFailure({
			reason: "unsupported",
			status,
			message: `it has no ${operation} (404), as agents of the original, or is no agent`,
		});
	if (status === 403 && reason === "Access Denied")
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
		body.title === undefined;
	return new HostFailure({
		reason: isRelay ? "unreachable" : status < 500 ? "refused" : "failed",
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
