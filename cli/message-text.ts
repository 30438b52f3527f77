import { STATUS_CODES } from "node:http";
import { safeLine } from "./ctl/output/terminal.ts";

const longest = 500;

/** What an answer's body says in words: a problem's detail, or a short plain text. */
function detailOf(body: unknown): string {
	const detail =
		typeof body === "object" && body !== null && "detail" in body
			? body.detail
			: body;
	if (typeof detail !== "string" || /^\s*</.test(detail)) return "";
	return safeLine(detail.trim().slice(0, longest));
}

/** An answer that is not the one that was wanted, in one line: `503 Service Unavailable: no space left`. */
export function answerText(status: number, body: unknown): string {
	const detail = detailOf(body);
	return (
		`${status} ${STATUS_CODES[status] ?? ""}`.trim() + (detail && `: ${detail}`)
	);
}

/** `1 line`, `2 lines`. */
export const counted = (count: number, noun: string) =>
	`${count} ${noun}${count === 1 ? "" : "s"}`;

/** A URL as messages may show it, however it was written: without a user and a password. */
export const withoutPassword = (url: string) => url.replace(/\/\/[^/]*@/, "//");
