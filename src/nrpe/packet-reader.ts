import type { Socket } from "node:net";
import { AgentError } from "../agent-error.ts";
import { costly } from "../collect.ts";
import {
	type NrpeQuery,
	PacketError,
	parseRequest,
	requestBytes,
} from "./packet.ts";

/** A packet that comes in more pieces than this waits for a turn after each of them. */
const maxPieces = 8;

/** Room for the first bytes of a packet that comes in pieces; that of most packets. */
const usualBytes = 1_036;

/** Reads the request of a connection. What follows it is read and dropped. */
export class PacketReader {
	readonly #socket: Socket;
	readonly #parts: ConstructorParameters<typeof PacketReader>[1];
	readonly #timer: NodeJS.Timeout;
	#isOver = false;
	/** A packet that comes in pieces. */
	#packet: Buffer | undefined;
	#used = 0;
	#pieces = 0;
	/** For memory. */
	#isWaiting = false;

	/**
	 * @param parts.milliseconds how long the packet may take to arrive
	 * @param parts.reserve resolves when there is memory for so many bytes, or rejects with an
	 * AgentError; undefined if there is some
	 * @param parts.arrived gets the request
	 * @param parts.failed gets the reason if there is none; undefined if the client has sent nothing
	 */
	constructor(
		socket: Socket,
		parts: {
			milliseconds: number;
			reserve: (bytes: number) => Promise<void> | undefined;
			arrived: (query: NrpeQuery) => void;
			failed: (reason: string | undefined) => void;
		},
	) {
		this.#socket = socket;
		this.#parts = parts;
		const incomplete = () =>
			this.#used === 0
				? undefined
				: `packet: its connection ended or its time was over after ${this.#used} bytes`;
		this.#timer = setTimeout(
			() => this.#fail(incomplete()),
			parts.milliseconds,
		);
		const end = () => this.#fail(incomplete());
		socket.once("end", end).once("close", end);
		socket.on("data", (chunk: Buffer) => this.#take(chunk));
	}

	#fail(reason: string | undefined): void {
		if (this.#isOver) return;
		this.#stop();
		this.#parts.failed(reason);
	}

	#stop(): void {
		this.#isOver = true;
		this.#packet = undefined;
		clearTimeout(this.#timer);
	}

	#take(chunk: Buffer): void {
		if (this.#isOver) return;
		try {
			const bytes = this.#used === 0 ? requestBytes(chunk) : undefined;
			if (bytes !== undefined && bytes <= chunk.length)
				this.#end(chunk.subarray(0, bytes));
			else this.#collect(chunk);
		} catch (error) {
			this.#refuse(error);
		}
	}

	#refuse(error: unknown): void {
		if (!(error instanceof PacketError || error instanceof AgentError))
			throw error;
		this.#fail(error.message);
	}

	#end(packet: Buffer): void {
		const query = parseRequest(packet);
		this.#stop();
		this.#parts.arrived(query);
	}

	#collect(chunk: Buffer): void {
		this.#packet ??= Buffer.allocUnsafe(usualBytes);
		const copied = chunk.copy(this.#packet, this.#used);
		this.#used += copied;
		const bytes = requestBytes(this.#packet.subarray(0, this.#used));
		if (bytes !== undefined && bytes <= this.#used)
			this.#end(this.#packet.subarray(0, bytes));
		else if (copied < chunk.length)
			// it is full, so its length is known
			this.#grow(bytes ?? usualBytes, chunk.subarray(copied));
		else if (++this.#pieces > maxPieces) {
			this.#socket.pause();
			costly(() => {
				if (!this.#isWaiting) this.#socket.resume();
			});
		}
	}

	/** Makes room for a packet that is longer than most, once there is memory for it. */
	#grow(bytes: number, rest: Buffer): void {
		const goOn = () => {
			const larger = Buffer.allocUnsafe(bytes);
			this.#packet?.copy(larger);
			this.#packet = larger;
			this.#collect(rest);
		};
		const waiting = this.#parts.reserve(bytes);
		if (!waiting) {
			goOn();
			return;
		}
		this.#isWaiting = true;
		this.#socket.pause();
		waiting
			.then(() => {
				this.#isWaiting = false;
				if (this.#isOver) return;
				goOn();
				this.#socket.resume();
			})
			.catch((error) => this.#refuse(error));
	}
}
