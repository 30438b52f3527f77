import { AgentError } from "../agent-error.ts";
import { type FairLimit, LimitReached } from "../fair-limit.ts";
import type { IncomingRequest } from "./request.ts";

/** Memory that a body of unknown length has at first; it doubles as the body grows. */
const firstBytes = 16_384;

const brokeOff = () =>
	new AgentError("bad-body", "body: the connection broke off");

/** Bytes that come in pieces of any size, kept in pieces that are worth their overhead. */
class Pieces {
	readonly #full: Buffer[] = [];
	#piece: Buffer;
	#used = 0;
	length = 0;

	constructor(bytes: number) {
		this.#piece = Buffer.allocUnsafeSlow(bytes);
	}

	add(chunk: Buffer): void {
		for (let from = 0; from < chunk.length; ) {
			if (this.#used === this.#piece.length) {
				this.#full.push(this.#piece);
				this.#piece = Buffer.allocUnsafeSlow(
					Math.max(firstBytes, this.length, chunk.length - from),
				);
				this.#used = 0;
			}
			const copied = chunk.copy(this.#piece, this.#used, from);
			this.#used += copied;
			this.length += copied;
			from += copied;
		}
	}

	whole(): Buffer {
		const last = this.#piece.subarray(0, this.#used);
		return this.#full.length === 0
			? last
			: Buffer.concat([...this.#full, last]);
	}
}

/**
 * Reads a body whole. Its bytes count in `memory` until the request is over; while
 * there is no room for them the client waits.
 * @param limits.maxBytes of this body
 * @param limits.waitMilliseconds for room, at most
 * @throws AgentError `body-too-large` over the limit, `busy` without room in time, `bad-body`
 * when the client breaks off
 */
export async function readBody(
	request: IncomingRequest,
	limits: {
		maxBytes: number;
		/** What sets that limit, for the message; undefined if the contract does. */
		setting?: string;
		memory: FairLimit;
		waitMilliseconds: number;
	},
): Promise<Buffer> {
	const { raw, response, client } = request;
	const { maxBytes, memory } = limits;
	const tooLarge = () =>
		new AgentError(
			"body-too-large",
			`body: over the limit of ${maxBytes} bytes${limits.setting ? ` (${limits.setting})` : ""}`,
		);
	/** Read on and dropped: an answer sent into unread data would be lost to a reset. */
	const refuse = (error: AgentError) => {
		request.connection.linger();
		raw.resume();
		return error;
	};
	const declared = Number(raw.headers["content-length"] ?? Number.NaN);
	if (declared > maxBytes) throw refuse(tooLarge());

	const reserve = async (amount: number) => {
		const timeoutMilliseconds = Math.min(
			limits.waitMilliseconds,
			request.millisecondsLeft ?? Number.POSITIVE_INFINITY,
		);
		try {
			const { signal } = request;
			request.holds(
				await memory.acquire({ client, amount, timeoutMilliseconds, signal }),
			);
		} catch (error) {
			if (!(error instanceof LimitReached)) throw brokeOff();
			throw refuse(
				new AgentError(
					"busy",
					`body: ${memory.taken} bytes of requests are in memory (max-buffered-bytes)`,
				),
			);
		}
	};
	let reserved = Number.isNaN(declared) ? firstBytes : declared;
	await reserve(reserved);
	// not before: a client that asks first need not send what is refused
	if (raw.headers.expect !== undefined) response.writeContinue();
	const pieces = new Pieces(reserved);
	try {
		const chunks: AsyncIterable<Buffer> = raw.iterator({
			destroyOnReturn: false,
		});
		for await (const chunk of chunks) {
			if (pieces.length + chunk.length > maxBytes) throw tooLarge();
			while (pieces.length + chunk.length > reserved) {
				await reserve(reserved);
				reserved *= 2;
			}
			pieces.add(chunk);
		}
	} catch (error) {
		throw error instanceof AgentError ? refuse(error) : brokeOff();
	}
	return pieces.whole();
}
