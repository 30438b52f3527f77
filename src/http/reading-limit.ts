import type { IncomingMessage, ServerResponse } from "node:http";
import type { Exchanges } from "./exchange.ts";

/** Keeps readers that do not read from keeping their places for ever. */
export interface ReadingLimit {
	watch(request: IncomingMessage, response: ServerResponse): void;
	close(): void;
}

/**
 * Ends the connection of an answer that is complete on our side and has not been
 * taken within `milliseconds`, at the latest within twice that time: one timer
 * looks at all of them, as one for each request costs a small one a tenth.
 */
export function createReadingLimit(
	milliseconds: number,
	exchanges: Pick<Exchanges, "whenOver">,
): ReadingLimit {
	const open = new Set<ServerResponse>();
	let complete = new Set<ServerResponse>();

	const look = () => {
		const seen = complete;
		complete = new Set();
		for (const response of open) {
			// without a socket it is queued behind another answer
			if (!response.socket || !response.writableEnded) continue;
			if (seen.has(response)) response.socket.destroy();
			else complete.add(response);
		}
	};
	const timer = setInterval(look, milliseconds).unref();

	return {
		watch: (request, response) => {
			open.add(response);
			exchanges.whenOver(request, response, () => open.delete(response));
		},
		close: () => clearInterval(timer),
	};
}
