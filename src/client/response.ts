import type { Fetched } from "../relay/https-fetch.ts";
import { AgentUnreachable } from "./failures.ts";

// headers of the connection, not of the answer
const dropped = new Set(
	"connection keep-alive transfer-encoding upgrade trailer set-cookie".split(
		" ",
	),
);

/** Turns an answer into a Response of `fetch`. Throws AgentUnreachable for an invalid status. */
export function toResponse(
	{ status, headers, body }: Omit<Fetched, "contentType">,
	place: string,
): Response {
	if (status < 200 || status > 599)
		throw new AgentUnreachable(`${place}: answered with status ${status}`);
	const kept = new Headers();
	for (const [name, value] of Object.entries(headers))
		if (!dropped.has(name) && typeof value === "string") kept.set(name, value);
	// Response rejects a body for these statuses, even an empty one
	const isBodiless = status === 204 || status === 205 || status === 304;
	return new Response(isBodiless ? null : body, { status, headers: kept });
}
