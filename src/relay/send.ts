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

/** The complete answer of another agent. */
export interface Fetched {
	status: number;
	contentType: string | undefined;
	headers: IncomingHttpHeaders;
	body: Buffer;
}

/** A request to send. */
export interface Sending {
	/** The hop, for messages. */
	place: string;
	/** Creates the request, without sending it. */
	start: (signal: AbortSignal) => ClientRequest;
	body: Uint8Array;
	/** Time limit until the answer's last byte; undefined means none. */
	timeoutMilliseconds: number | undefined;
	/** The original time limit, for messages, if part of it has been used. */
	wholeMilliseconds?: number | undefined;
	signal: AbortSignal;
	/** Resolves when there is memory for this many more bytes of the answer; undefined means no limit. */
	reserve?: ((bytes: number) => Promise<void>) | undefined;
	/** Called when the hop has accepted the connection; at once for a kept connection. */
	onConnected?: () => void;
}

/**
 * Limit of informational answers (such as 103 Early Hints) before the answer; few servers send even
 * one.
 */
const maxInformation = 32;

/** The error for a connection that ends without an answer, which Node does not report. */
const closedError = (): AttemptError =>
	Object.assign(new Error("closed without an answer"), { code: "ECLOSED" });

/**
 * Creates a function that sends a request over a kept connection and reads the answer. It sends
 * once; again only if a kept connection had died before a byte was written. It rejects with
 * RelayError, or with the error of `reserve`.
 */
export function createSender({
	maxBodyBytes,
	maxBodySetting,
}: {
	maxBodyBytes: number;
	/** Setting name used in the error message. */
	maxBodySetting: string;
}): (sending: Sending) => Promise<Fetched> {
	/** Sockets whose handshake is done, so that writes are sent at once. */
	const ready = new WeakSet<Socket>();

	/** Reads the whole body of an answer; rejects if it is too large, or there is no memory for it. */
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
	 * Makes one attempt. On its error, `isUnsent` means that nothing was sent, and `isStale` that a
	 * kept connection had died before.
	 */
	const attempt = (given: Sending, signal: AbortSignal) =>
		new Promise<Fetched>((resolve, reject) => {
			const { place, start, body, onConnected } = given;
			let connection: Socket | undefined;
			// before Node's own listener, which would close the connection without a reset
			signal.addEventListener("abort", () => resetConnection(connection), {
				once: true,
			});
			const sending = start(signal);
			let isUnsent = true;
			let isHeld = false;
			/** A new connection sends once its handshake is done. */
			const watch = (socket: Socket) => {
				if (ready.has(socket)) {
					onConnected?.();
					isUnsent = false;
					return;
				}
				const isTls = socket instanceof TLSSocket;
				socket.once(isTls ? "secureConnect" : "connect", () => {
					// its certificate did not match the pin
					if (socket.destroyed) return;
					ready.add(socket);
					onConnected?.();
					isUnsent = false;
				});
			};
			sending.once("socket", (socket) => {
				connection = socket;
				if (!sending.reusedSocket) return watch(socket);
				// one turn of the event loop reveals whether a kept connection has died
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
			// without a listener Node would end such a request silently
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
		// not AbortSignal.any(), whose weak references burden the garbage collector
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
				// a kept connection had died: nothing was sent, so nothing can run twice
				if (error.isStale && !signal.aborted) return attempt(sending, signal);
				throw error;
			});
		} catch (error) {
			// no memory for the answer, which is not the hop's fault
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
