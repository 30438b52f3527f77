import type { IncomingMessage, ServerResponse } from "node:http";
import type { Call } from "../../generated/handlers.ts";
import type { Exchanges } from "./exchange.ts";

/** What a handler may know of the request. */
export function callOf(
	request: IncomingMessage,
	response: ServerResponse,
	exchanges: Pick<Exchanges, "whenOver">,
): Call {
	const gone = new AbortController();
	exchanges.whenOver(request, response, () => {
		if (!response.writableFinished) gone.abort();
	});
	const left = request.headers["happo-milliseconds-left"];
	return {
		signal: gone.signal,
		millisecondsLeft:
			typeof left === "string" && /^\d{1,9}$/.test(left)
				? Number(left)
				: undefined,
		accept: acceptedTypes(request.headers.accept),
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
