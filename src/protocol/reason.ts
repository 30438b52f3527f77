/** The text of an agent that does not let the client in, and what it means. */
export const accessDenied = "Access Denied";
export const accessDeniedReason =
	"its allowed-hosts does not include this machine, or the bastion in front of it";

export const isRecord = (value: unknown): value is Record<string, unknown> =>
	typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * The reason in the body of a refusal: a problem, a relay's check result or a plain text. Empty if
 * there is none.
 */
export function reasonIn(body: unknown): string {
	if (typeof body === "string") return body.trim().slice(0, 500);
	if (!isRecord(body)) return "";
	const reason = [body.detail, body.message, body.error, body.return_value];
	return (
		reason.find((text): text is string => typeof text === "string") ?? ""
	).trim();
}
