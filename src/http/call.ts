import type { IncomingMessage, ServerResponse } from "node:http";
import type { Call } from "../../generated/handlers.ts";
import type { Exchanges } from "./exchange.ts";

/** A header that the contract declares as a number; it refuses what is none. */
const count = (header: string | string[] | undefined) =>
	typeof header === "string" && /^\d{1,9}$/.test(header)
		? Number(header)
		: undefined;

/** What a handler may know of the request. */
export function callOf(
	request: IncomingMessage,
	response: ServerResponse,
	exchanges: Pick<Exchanges, "whenOver">,
	note: Call["note"],
): Call {
	const { headers } = request;
	let isGone = false;
	let gone: AbortController | undefined;
	exchanges.whenOver(request, response, () => {
		isGone = !response.writableFinished;
		if (isGone) gone?.abort();
	});
	return {
		// made when a handler wants it: it takes a tenth of a small request's time
		get signal() {
			if (!gone) {
				gone = new AbortController();
				if (isGone) gone.abort();
			}
			return gone.signal;
		},
		millisecondsLeft: count(headers["happo-milliseconds-left"]),
		hopsPassed: count(headers["happo-hops"]) ?? 0,
		get accept() {
			return acceptedTypes(headers.accept);
		},
		note,
	};
}

/** Media types of an Accept header, best first. */
export function acceptedTypes(header: string | undefined): string[] {
	return (header ?? "")
		.split(",")
		.map((part) => {
			const [type = "", ...parameters] = part.split(";").map((p) => p.trim());
			const quality = parameters.find((p) => p.startsWith("q="));
			return {
				type: type.toLowerCase(),
				quality: quality ? Number(quality.slice(2)) : 1,
			};
		})
		.filter(({ type, quality }) => type !== "" && quality > 0)
		.sort((a, b) => b.quality - a.quality)
		.map(({ type }) => type);
}
