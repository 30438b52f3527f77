import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { createLoopTurns } from "./turn.ts";

/** Memory that a stream of unknown length has at first; it doubles as the stream goes on. */
const firstBytes = 16_384;

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

/** Bytes around the data of a stream that are no reason to read it slowly. */
const minOverheadBytes = 4_096;

/** Other streams are read on all at once. */
const usual = createLoopTurns(Number.POSITIVE_INFINITY);

/** Streams that cost much more than their data are read on one at a time. */
const costly = createLoopTurns(1);

/**
 * Shares the event loop among the streams that are read. Node parses every chunk of a
 * message by itself: a body in chunks of one byte costs a thousand times as much as
 * one in large ones, and Node would go on with it as long as there is data.
 */
class ReadingTurns {
	readonly #socket: Socket | undefined;
	readonly #begun: number;
	#pieces = 0;

	constructor(stream: Readable & { socket?: Socket }) {
		this.#socket = stream.socket;
		this.#begun = this.#socket?.bytesRead ?? 0;
	}

	/** Resolves when the stream may be read on, after so many bytes of data. */
	async next(length: number): Promise<void> {
		// most messages come in one piece
		if (++this.#pieces === 1) return;
		const received = (this.#socket?.bytesRead ?? 0) - this.#begun;
		const isCostly = received > 2 * length + minOverheadBytes;
		await new Promise<void>(isCostly ? costly : usual);
	}
}

/**
 * Reads a stream whole: a body, or an answer. What sends it waits while there is no
 * memory for more. A stream that is given up stays open, and unread.
 * @param parts.declared its length in bytes, if that is known
 * @param parts.maxBytes the most that it may have
 * @param parts.tooLarge made and thrown when it has more
 * @param parts.reserve resolves when there is memory for so many bytes more, and
 * throws what keeps it from that
 * @throws what the stream fails with
 */
export async function collect(
	stream: Readable,
	parts: {
		declared: number | undefined;
		maxBytes: number;
		tooLarge: () => Error;
		reserve?: ((bytes: number) => Promise<void>) | undefined;
		/** Called when there is memory for what was declared. */
		begins?: () => void;
	},
): Promise<Buffer> {
	const { declared, maxBytes, tooLarge, reserve } = parts;
	if (declared !== undefined && declared > maxBytes) throw tooLarge();
	let reserved = declared ?? firstBytes;
	await reserve?.(reserved);
	parts.begins?.();
	const pieces = new Pieces(reserved);
	const turns = new ReadingTurns(stream);
	const chunks: AsyncIterable<Buffer> = stream.iterator({
		destroyOnReturn: false,
	});
	for await (const chunk of chunks) {
		const length = pieces.length + chunk.length;
		if (length > maxBytes) throw tooLarge();
		while (length > reserved) {
			const more = Math.min(
				Math.max(reserved, firstBytes),
				maxBytes - reserved,
			);
			await reserve?.(more);
			reserved += more;
		}
		pieces.add(chunk);
		await turns.next(pieces.length);
	}
	return pieces.whole();
}

/** The length that a message declares; undefined if it declares none. */
export function declaredLength(headers: {
	"content-length"?: string | undefined;
}): number | undefined {
	const length = headers["content-length"];
	return length === undefined ? undefined : Number(length);
}
