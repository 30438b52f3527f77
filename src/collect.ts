import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { createLoopTurns } from "./turn.ts";

/** Memory first reserved for a stream of unknown length; it doubles as the stream goes on. */
const firstBytes = 16_384;

/** Collects chunks of any size in large buffers, so that tiny chunks cost no overhead. */
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

/** Overhead allowed around a stream's data before it counts as costly. */
const minOverheadBytes = 4_096;

/** The least overhead of a chunk: its length and two ends of lines. */
const chunkOverheadBytes = 5;

/** Ordinary streams: all are read in each turn of the event loop. */
const usual = createLoopTurns(Number.POSITIVE_INFINITY);

/** Connections whose chunks cost much more than their data: one is read in each turn. */
export const costly = createLoopTurns(1);

/** Streams whose data nobody wants: a few are read in each turn. */
const unwanted = createLoopTurns(4);

/**
 * Stops a connection after the chunks that have already been read from it, until its turn. Node
 * itself would read up to two mebibytes at once.
 * @param readOn is called at its turn
 * @returns what to call for each chunk: Node asks the connection for more when one has been taken
 */
function pauseForTurn(
	socket: Socket | undefined,
	turns: (readOn: () => void) => void,
	readOn = () => {},
): () => void {
	let isWaiting = false;
	return () => {
		queueMicrotask(() => {
			if (isWaiting) socket?.pause();
		});
		if (isWaiting) return;
		isWaiting = true;
		turns(() => {
			isWaiting = false;
			socket?.resume();
			readOn();
		});
	};
}

/**
 * Reads the rest of a stream and drops it: if unread data remained, closing the connection would
 * reset it, and the sender would lose the answer.
 */
export function discard(stream: Readable & { socket?: Socket }): void {
	stream.on("data", pauseForTurn(stream.socket, unwanted));
	stream.resume();
}

/** What a body may take. */
export interface BodyLimits {
	/** Its length in bytes, if known. */
	declared: number | undefined;
	/** The limit of its length. */
	maxBytes: number;
	/** Creates the error to throw above the limit. */
	tooLarge: () => Error;
	/** Resolves when there is memory for this many more bytes, or rejects; undefined if there is some. */
	reserve?: ((bytes: number) => Promise<void> | undefined) | undefined;
}

/** A body as it arrives, and the memory reserved for it. */
export class Body {
	readonly #limits: BodyLimits;
	#reserved = 0;
	/** The whole body, if it arrived in one chunk. */
	#only: Buffer | undefined;
	#pieces: Pieces | undefined;
	#chunks = 0;

	constructor(limits: BodyLimits) {
		this.#limits = limits;
	}

	/**
	 * Reserves the memory to begin with. Returns a promise if that takes time; it may reject.
	 * @throws the error of `tooLarge`
	 */
	begin(): Promise<void> | undefined {
		const { declared, maxBytes, tooLarge, reserve } = this.#limits;
		if (declared !== undefined && declared > maxBytes) throw tooLarge();
		this.#reserved = declared ?? firstBytes;
		return reserve?.(this.#reserved);
	}

	get length(): number {
		return this.#only?.length ?? this.#pieces?.length ?? 0;
	}

	get chunks(): number {
		return this.#chunks;
	}

	/**
	 * Whether its chunks cost much more than their data.
	 * @param overhead bytes around the data; the least that its chunks may have by default
	 */
	isCostly(overhead = this.#chunks * chunkOverheadBytes): boolean {
		return overhead > this.length + minOverheadBytes;
	}

	/**
	 * Takes a chunk. Returns a promise if there is no memory for it yet; it may reject.
	 * @throws the error of `tooLarge`
	 */
	take(chunk: Buffer): Promise<void> | undefined {
		const { declared, maxBytes, tooLarge } = this.#limits;
		const length = this.length + chunk.length;
		if (length > maxBytes) throw tooLarge();
		this.#chunks++;
		if (length > this.#reserved)
			return this.#grow(length).then(() => this.#add(chunk));
		// most bodies
		if (this.#chunks === 1 && length === declared) this.#only = chunk;
		else this.#add(chunk);
		return undefined;
	}

	#add(chunk: Buffer): void {
		this.#pieces ??= new Pieces(this.#reserved);
		this.#pieces.add(chunk);
	}

	async #grow(length: number): Promise<void> {
		const { maxBytes, reserve } = this.#limits;
		while (length > this.#reserved) {
			const more = Math.min(
				Math.max(this.#reserved, firstBytes),
				maxBytes - this.#reserved,
			);
			await reserve?.(more);
			this.#reserved += more;
		}
	}

	whole(): Buffer {
		return this.#only ?? this.#pieces?.whole() ?? Buffer.alloc(0);
	}
}

/**
 * Reads a whole stream: a request body. Its sender waits while there is no memory for more. After an
 * error the stream stays open and unread.
 * @param limits.begins is called once there is memory for the declared length
 * @throws the errors of the stream, of `reserve` and of `tooLarge`
 */
export async function collect(
	stream: Readable & { socket?: Socket },
	limits: BodyLimits & { begins?: () => void },
): Promise<Buffer> {
	const body = new Body(limits);
	await body.begin();
	limits.begins?.();
	if (stream.destroyed) throw stream.errored ?? new Error("closed");
	const begun = stream.socket?.bytesRead ?? 0;
	/**
	 * Node parses each chunk of a message separately: a body in one-byte chunks costs a thousand
	 * times as much as one in large chunks.
	 */
	const isCostly = () =>
		body.isCostly((stream.socket?.bytesRead ?? 0) - begun - body.length);

	// an async iterator costs more than all the rest of a short body
	return new Promise((resolve, reject) => {
		let isOver = false;
		/** A chunk that waits for memory. */
		let waiting: Promise<void> | undefined;
		/** Takes all that has arrived meanwhile as one chunk, or waits for more. */
		const readOn = () => {
			if (isOver || waiting) return;
			// emits "data"
			if (stream.readableLength > 0) stream.read();
			else stream.resume();
		};
		/**
		 * Chunks that have already been read from a costly stream are taken as they come: paused, it
		 * would keep an object for each byte.
		 */
		const pauseCostly = pauseForTurn(stream.socket, costly, readOn);
		const wait = () => {
			if (isCostly()) return pauseCostly();
			stream.pause();
			usual(readOn);
		};
		const fail = (error: unknown) => {
			if (isOver) return;
			isOver = true;
			stream.off("data", take).off("end", end);
			stream.off("error", fail).off("close", closed);
			stream.pause();
			reject(error);
		};
		const take = (chunk: Buffer) => {
			let taken: Promise<void> | undefined;
			try {
				taken = body.take(chunk);
			} catch (error) {
				return fail(error);
			}
			if (!taken) {
				// most messages have a single chunk
				if (body.chunks > 1) wait();
				return;
			}
			stream.pause();
			waiting = taken.then(() => {
				waiting = undefined;
				readOn();
			}, fail);
		};
		const end = () => {
			if (isOver) return;
			// the end may come before there is memory for the last chunk
			if (waiting) {
				stream.off("close", closed);
				void waiting.then(end);
				return;
			}
			isOver = true;
			resolve(body.whole());
		};
		const closed = () => {
			// after every body; an error costs more than reading a short one
			if (!isOver) fail(stream.errored ?? new Error("closed"));
		};
		stream.on("error", fail).on("close", closed).on("end", end);
		stream.on("data", take);
	});
}

/** The declared length of a message; undefined if there is none. */
export function declaredLength(headers: {
	"content-length"?: string | string[] | undefined;
}): number | undefined {
	const length = headers["content-length"];
	return length === undefined ? undefined : Number(length);
}
