import type { ServerResponse } from "node:http";
import type { Exchanges } from "./exchange.ts";

/**
 * Readers that do not read must not keep their places for ever: ends the connection
 * of an answer that is complete on our side and has not been taken within
 * `milliseconds`, at the latest within twice that time. One timer looks at all of
 * them, as one for each request costs a small one a tenth.
 * @returns ends the watch
 */
export function limitReading(
	milliseconds: number,
	exchanges: Pick<Exchanges, "open">,
): () => void {
	let complete = new Set<ServerResponse>();
	const look = () => {
		const seen = complete;
		complete = new Set();
		for (const response of exchanges.open()) {
			// without a socket it is queued behind another answer
			if (!response.socket || !response.writableEnded) continue;
			if (seen.has(response)) response.socket.destroy();
			else complete.add(response);
		}
	};
	const timer = setInterval(look, milliseconds).unref();
	return () => clearInterval(timer);
}
