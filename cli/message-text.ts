import { STATUS_CODES } from "node:http";
import { safeLine } from "./ctl/output/terminal.ts";

const maxDetailCharacters = 500;

/** The detail of a problem, or a plain text; empty for HTML and other bodies. */
function detailOf(body: unknown): string {
	const detail =
		typeof body === "object" && body !== null && "detail" in body
			? body.detail
			: body;
	if (typeof detail !== "string" || /^\s*</.test(detail)) return "";
	return safeLine(detail.trim().slice(0, maxDetailCharacters));
}

/** Describes an unexpected answer in one line: `503 Service Unavailable: no space left`. */
export function answerText(status: number, body: unknown): string {
	const detail = detailOf(body);
	return (
		`${status} ${STATUS_CODES[status] ?? ""}`.trim() + (detail && `: ${detail}`)
	);
}

/** `1 line`, `2 lines`. */
export const counted = (count: number, noun: string) =>
	`${count} ${noun}${count === 1 ? "" : "s"}`;

/** A URL without user and password, for messages; it need not be well-formed. */
export const withoutPassword = (url: string) => url.replace(/\/\/[^/]*@/, "//");
