import type {
	ClientRequest,
	IncomingHttpHeaders,
	IncomingMessage,
} from "node:http";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { AgentError } from "../agent-error.ts";
import { collect, declaredLength } from "../collect.ts";
import {
	type AttemptError,
	RelayError,
	relayError,
} from "../protocol/relay-error.ts";
import { resetConnection } from "./https-agent.ts";

/** What another agent answered, whole. */
export interface Fetched {
	status: number;
	contentType: string | undefined;
	headers: IncomingHttpHeaders;
	body: Buffer;
}

/** A request that has yet to be made. */
export interface Sending {
	/** Where it goes, as messages name it. */
	place: string;
	/** Makes the request; sending and hearing of it is not its business. */
	start: (signal: AbortSignal) => ClientRequest;
	body: Uint8Array;
	/** Until the answer's last byte; undefined is no limit. */
	timeoutMilliseconds: number | undefined;
	/** The limit as messages name it, if a part of it is gone. */
	wholeMilliseconds?: number | undefined;
	signal: AbortSignal;
	/** Resolves when there is memory for so many bytes more of the answer; undefined: there always is. */
	reserve?: ((bytes: number) => Promise<void>) | undefined;
	/** The other end has accepted the connection, or had before. */
	onConnected?: () => void;
}

/** Answers such as 103 Early Hints before the answer; few agents send one. */
const maxInformation = 32;

/** A connection that ends where an answer should be: Node says nothing then. */
const closedError = (): AttemptError =>
	Object.assign(new Error("closed without an answer"), { code: "ECLOSED" });

/**
 * Sends requests over kept connections and reads their answers. Twice where a
 * kept connection had died before a byte was written, otherwise once. What it
 * gives back throws RelayError, or what `reserve` throws.
 */
export function createSender({
	maxBodyBytes,
	maxBodySetting,
}: {
	maxBodyBytes: number;
	/** The setting that it is, for who reads the message. */
	maxBodySetting: string;
}): (sending: Sending) => Promise<Fetched> {
	/** Sockets whose handshake is over: what is written to them leaves at once. */
	const ready = new WeakSet<Socket>();

	/** The whole body of an answer; it ends where it is too large, or there is no memory for it. */
	const read = async (
		response: IncomingMessage,
		{ place, reserve }: Pick<Sending, "place" | "reserve">,
	) => {
		try {
			return await collect(response, {
				declared: declaredLength(response.headers),
				maxBytes: maxBodyBytes,
				tooLarge: () =>
					new RelayError(
						`${place}: the answer is over ${maxBodyBytes} bytes (${maxBodySetting})`,
					),
				reserve,
			});
		} finally {
			if (!response.complete) response.destroy();
		}
	};

	/**
	 * One attempt. `isUnsent` of its error tells that nothing had been sent,
	 * `isStale` that a kept connection had died before.
	 */
	const attempt = (given: Sending, signal: AbortSignal) =>
		new Promise<Fetched>((resolve, reject) => {
			const { place, start, body, onConnected } = given;
			let connection: Socket | undefined;
			// before Node's own listener, which would end the connection in order
			signal.addEventListener("abort", () => resetConnection(connection), {
				once: true,
			});
			const sending = start(signal);
			let isUnsent = true;
			let isHeld = false;
			/** A new connection sends when its handshake is over. */
			const watch = (socket: Socket) => {
				if (ready.has(socket)) {
					onConnected?.();
					isUnsent = false;
					return;
				}
				const isTls = socket instanceof TLSSocket;
				socket.once(isTls ? "secureConnect" : "connect", () => {
					// its certificate was not the pinned one
					if (socket.destroyed) return;
					ready.add(socket);
					onConnected?.();
					isUnsent = false;
				});
			};
			sending.once("socket", (socket) => {
				connection = socket;
				if (!sending.reusedSocket) return watch(socket);
				// one turn of the loop tells of a kept connection that has died
				isHeld = true;
				onConnected?.();
				socket.cork();
				const release = () => {
					isUnsent = false;
					isHeld = false;
					socket.uncork();
				};
				setImmediate(() => setImmediate(release));
			});
			sending.once("error", (error) => {
				reject(Object.assign(error, { isUnsent, isStale: isHeld }));
			});
			let informed = 0;
			sending.on("information", () => {
				if (++informed <= maxInformation) return;
				connection?.destroy();
				reject(
					new RelayError(
						`${place}: more than ${maxInformation} answers with a status below 200`,
					),
				);
			});
			// without a listener Node would end such a request without a word
			sending.once("upgrade", ({ statusCode }, socket) => {
				socket.destroy();
				reject(new RelayError(`${place}: answered with status ${statusCode}`));
			});
			let isAnswered = false;
			sending.once("close", () => {
				if (!isAnswered) reject(closedError());
			});
			sending.once("response", (response) => {
				isAnswered = true;
				read(response, given).then(
					(bytes) =>
						resolve({
							status: response.statusCode ?? 0,
							contentType: response.headers["content-type"],
							headers: response.headers,
							body: bytes,
						}),
					reject,
				);
			});
			sending.end(body);
		});

	return async (sending) => {
		const { place, timeoutMilliseconds } = sending;
		// AbortSignal.any() holds its sources weakly, which the garbage collector pays for
		const ending = new AbortController();
		const { signal } = ending;
		const end = () => ending.abort();
		let isLate = false;
		const timer =
			timeoutMilliseconds === undefined
				? undefined
				: setTimeout(() => {
						isLate = !signal.aborted;
						end();
					}, timeoutMilliseconds);
		if (sending.signal.aborted) end();
		sending.signal.addEventListener("abort", end, { once: true });
		try {
			return await attempt(sending, signal).catch((error) => {
				// a pooled connection that had died: nothing was sent, nothing can run twice
				if (error.isStale && !signal.aborted) return attempt(sending, signal);
				throw error;
			});
		} catch (error) {
			// no memory for the answer: that is no fault of the hop
			if (error instanceof AgentError) throw error;
			throw relayError(error as AttemptError, place, {
				isLate,
				timeoutMilliseconds: sending.wholeMilliseconds ?? timeoutMilliseconds,
			});
		} finally {
			clearTimeout(timer);
			sending.signal.removeEventListener("abort", end);
		}
	};
}
