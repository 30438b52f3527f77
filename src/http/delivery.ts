import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** What decides whether a reader has its answer; in milliseconds. */
export interface DeliveryTimes {
	/** A reader that resets the connection does so within this time. */
	quiet: number;
	/** A reader that takes longer than this to take an answer has not got it. */
	slow: number;
}

export const deliveryTimes: DeliveryTimes = { quiet: 3_000, slow: 60_000 };

/** Tells whether answers were delivered. */
export interface Deliveries {
	/** A further request on a connection: its reader has read what came before. */
	nextRequest(request: IncomingMessage): void;
	/**
	 * Calls back once with true when the reader has the answer. Node's `finish`
	 * only says that the kernel has it. The reader has it when it sends its next
	 * request, closes the connection in order, or has not reset it for three
	 * seconds; a reset, an error or a cut connection before that means that it has
	 * not. Call it before the answer is sent.
	 */
	watch(
		request: IncomingMessage,
		response: ServerResponse,
		delivered: (ok: boolean) => void,
	): void;
}

export function createDeliveries(
	milliseconds: DeliveryTimes = deliveryTimes,
): Deliveries {
	const pending = new WeakMap<Socket, () => void>();
	/** Answers of a connection that are watched; pipelined ones are several. */
	const watched = new WeakMap<Socket, number>();

	return {
		nextRequest: ({ socket }) => pending.get(socket)?.(),
		watch: ({ socket }, response, delivered) => {
			if (socket.destroyed) return delivered(false);
			let timer = setTimeout(() => socket.destroy(), milliseconds.slow);
			let sent = false;
			// after the last answer Node would close the socket at once and not hear of a reset
			socket.destroySoon = () => socket.end();
			watched.set(socket, (watched.get(socket) ?? 0) + 1);

			const settle = (ok: boolean) => {
				clearTimeout(timer);
				response.off("finish", finished);
				socket.off("error", failed).off("close", closed).off("end", ended);
				if (pending.get(socket) === arrived) pending.delete(socket);
				const left = (watched.get(socket) ?? 1) - 1;
				watched.set(socket, left);
				delivered(ok);
				if (left > 0) return;
				// the prototype's again
				Reflect.deleteProperty(socket, "destroySoon");
				if (socket.writableEnded) socket.destroy();
			};
			const finished = () => {
				sent = true;
				clearTimeout(timer);
				timer = setTimeout(() => settle(true), milliseconds.quiet);
				pending.set(socket, arrived);
			};
			const arrived = () => settle(true);
			const failed = () => settle(false);
			const closed = () => settle(false);
			const ended = () => settle(sent);
			socket.once("error", failed).once("close", closed).once("end", ended);
			response.once("finish", finished);
		},
	};
}
