import type { IncomingMessage, ServerResponse } from "node:http";
import { busy, Problem } from "../problem.ts";
import type { Exchanges } from "./exchange.ts";

/** Reads request bodies within limits for each and for all together. */
export interface Bodies {
	/**
	 * The whole body; its bytes count as buffered until the response is over.
	 * Problem 413 over the limit for one, 503 over the limit for all, 400 when
	 * the client breaks off.
	 */
	read(request: IncomingMessage, response: ServerResponse): Promise<Buffer>;
}

export function createBodies(
	limits: { maxBodyBytes: number; maxBufferedBytes: number },
	exchanges: Pick<Exchanges, "whenOver">,
): Bodies {
	let buffered = 0;
	const tooLarge = () =>
		new Problem(
			413,
			`body: over the limit of ${limits.maxBodyBytes} bytes (max-body-bytes)`,
		);
	const tooMany = () =>
		busy(
			`body: requests in memory are at the limit of ${limits.maxBufferedBytes} bytes (max-buffered-bytes)`,
		);
	return {
		read: (request, response) =>
			new Promise((resolve, reject) => {
				const declared = Number(request.headers["content-length"] ?? 0);
				if (declared > limits.maxBodyBytes) return reject(tooLarge());
				// not before: a client that asks first need not send what is refused
				if (request.headers.expect !== undefined) response.writeContinue();
				const chunks: Buffer[] = [];
				let bytes = 0;
				const giveBack = () => {
					buffered -= bytes;
					bytes = 0;
				};
				let isRead = false;
				exchanges.whenOver(request, response, () => {
					giveBack();
					// an error takes time to make: none for a body that has come
					if (!isRead)
						reject(new Problem(400, "body: the connection broke off"));
				});
				const refuse = (problem: Problem) => {
					request.off("data", take);
					// read on and dropped: an answer sent into unread data would be lost to a reset
					request.resume();
					chunks.length = 0;
					giveBack();
					reject(problem);
				};
				const take = (chunk: Buffer) => {
					bytes += chunk.length;
					buffered += chunk.length;
					if (bytes > limits.maxBodyBytes) return refuse(tooLarge());
					if (buffered > limits.maxBufferedBytes) return refuse(tooMany());
					chunks.push(chunk);
				};
				request.on("data", take);
				request.once("end", () => {
					isRead = true;
					resolve(Buffer.concat(chunks));
				});
				request.once("error", () =>
					reject(new Problem(400, "body: the connection broke off")),
				);
			}),
	};
}
