import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { createExchangeLimits } from "./exchange-limits.ts";
import { type Hop, hopText } from "./hop.ts";
import { connectionsEach, createAgent } from "./https-agent.ts";
import { RelayError, relayError } from "./relay-error.ts";
import type { Trust } from "./trust.ts";

/** A request to another agent. */
export interface Outgoing {
	hop: Hop;
	method: "GET" | "POST";
	path: string;
	headers: Record<string, string>;
	body: Uint8Array;
	/** Until the answer's last byte; undefined is no limit. */
	timeoutMilliseconds: number | undefined;
	signal: AbortSignal;
	/** It came through another agent, perhaps this one: it must not wait for a connection. */
	isNested: boolean;
}

/** What another agent answered, whole. */
export interface Fetched {
	status: number;
	contentType: string | undefined;
	body: Buffer;
}

/**
 * Sends a request to another agent and reads its answer. Throws RelayError, and
 * Problem 503 when too many are on their way.
 */
export type HttpsFetch = (outgoing: Outgoing) => Promise<Fetched>;

/** The one way out to other agents. */
export function createHttpsFetch(parts: {
	trust: Trust;
	maxBodyBytes: number;
	/** Requests on their way at once, to one place and in all. */
	limits?: { each: number; all: number; eachNested: number };
}): { fetch: HttpsFetch; close(): void } {
	const agent = createAgent(parts.trust);
	const limits = createExchangeLimits(
		parts.limits ?? { each: 128, all: 512, eachNested: connectionsEach },
	);

	/** The whole body of an answer, or why there is none. */
	const read = (response: IncomingMessage, place: string) =>
		new Promise<Buffer>((resolve, reject) => {
			const chunks: Buffer[] = [];
			let bytes = 0;
			response.on("data", (chunk: Buffer) => {
				bytes += chunk.length;
				chunks.push(chunk);
				if (bytes <= parts.maxBodyBytes) return;
				response.destroy();
				reject(
					new RelayError(
						`${place}: the answer is over ${parts.maxBodyBytes} bytes (proxy-max-answer-bytes)`,
					),
				);
			});
			response.once("error", reject);
			response.once("end", () => resolve(Buffer.concat(chunks)));
		});

	/** One attempt; `isUnsent` of its error tells whether nothing had been sent. */
	const attempt = (outgoing: Outgoing, signal: AbortSignal) =>
		new Promise<Fetched>((resolve, reject) => {
			const { hop, method, path, headers, body } = outgoing;
			const place = hopText(hop);
			const sending = request({
				agent,
				...hop,
				...(/[A-Za-z]/.test(hop.host) && !hop.host.includes(":")
					? { servername: hop.host }
					: { servername: "" }),
				method,
				path,
				headers: {
					host: place,
					"content-length": String(body.length),
					...headers,
				},
				signal,
			});
			let isHeld = false;
			sending.once("socket", (socket) => {
				if (!sending.reusedSocket) return;
				// one turn of the loop tells of a kept connection that has died
				isHeld = true;
				socket.cork();
				const release = () => {
					isHeld = false;
					socket.uncork();
				};
				setImmediate(() => setImmediate(release));
			});
			sending.once("error", (error) => {
				reject(Object.assign(error, { isUnsent: isHeld }));
			});
			// without a listener Node would end such a request without a word
			sending.once("upgrade", ({ statusCode }, socket) => {
				socket.destroy();
				reject(new RelayError(`${place}: answered with status ${statusCode}`));
			});
			let isAnswered = false;
			sending.once("close", () => {
				if (!isAnswered)
					reject(new RelayError(`${place}: closed without an answer`));
			});
			sending.once("response", (response) => {
				isAnswered = true;
				read(response, place).then(
					(bytes) =>
						resolve({
							status: response.statusCode ?? 0,
							contentType: response.headers["content-type"],
							body: bytes,
						}),
					reject,
				);
			});
			sending.end(body);
		});

	const fetch: HttpsFetch = async (outgoing) => {
		const place = hopText(outgoing.hop);
		const leave = limits.enter(place, outgoing.isNested);
		const late = new AbortController();
		const { timeoutMilliseconds } = outgoing;
		const timer =
			timeoutMilliseconds === undefined
				? undefined
				: setTimeout(() => late.abort(), timeoutMilliseconds);
		const signal = AbortSignal.any([late.signal, outgoing.signal]);
		try {
			return await attempt(outgoing, signal).catch((error) => {
				// a pooled connection that had died: nothing was sent, nothing can run twice
				if (error.isUnsent && !signal.aborted) return attempt(outgoing, signal);
				throw error;
			});
		} catch (error) {
			throw relayError(error, place, {
				isLate: late.signal.aborted,
				timeoutMilliseconds,
			});
		} finally {
			clearTimeout(timer);
			leave();
		}
	};
	return { fetch, close: () => agent.destroy() };
}
