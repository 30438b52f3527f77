import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { statusScanner, type Tally } from "./tally.ts";

/** Options of an attacker's connection. */
export interface WireOptions {
	port: number;
	/** Source address. */
	from: string;
	/** TCP only, no TLS. */
	plain?: boolean;
	/** Read answers at once; otherwise only `socket.read` reads them. */
	reads?: boolean;
}

/** A connection to which a scenario writes raw bytes. */
export interface Wire {
	socket: Socket;
	/** The TCP connection below TLS. */
	tcp: Socket;
	/** Resolves to true when the connection is open, including the TLS handshake. */
	opened: Promise<boolean>;
	/** Resolves when the connection is gone. */
	closed: Promise<void>;
	/** Number of answers that began. */
	answers(): number;
	/** Everything that arrived, up to a megabyte. */
	text(): string;
}

/** Opens a connection to 127.0.0.1. Counts statuses and failures until `over`. */
export function openWire(
	{ port, from, plain = false, reads = true }: WireOptions,
	tally: Tally,
	over: AbortSignal,
): Wire {
	const tcp = connect({
		...{ host: "127.0.0.1", port, localAddress: from, allowHalfOpen: true },
	});
	const socket: Socket = plain
		? tcp
		: connectTls({
				...{ socket: tcp, rejectUnauthorized: false, allowHalfOpen: true },
			});
	let answers = 0;
	let text = "";
	let isOpen = false;
	const scan = statusScanner((status) => {
		answers++;
		tally.count(status);
	});
	if (reads)
		socket.on("data", (chunk: Buffer) => {
			if (text.length < 1_048_576) text += chunk.toString("latin1");
			scan(chunk);
		});
	const end = (why: string) => {
		if (!over.aborted && !socket.destroyed) tally.count(why);
		socket.destroy();
		tcp.destroy();
	};
	const failed = ({ code = "error" }: NodeJS.ErrnoException) =>
		end(isOpen ? code : `not opened, ${code}`);
	socket.on("error", failed);
	tcp.on("error", failed);
	socket.on("end", () =>
		end(answers > 0 ? "closed after an answer" : "closed without an answer"),
	);
	const closed = new Promise<void>((resolve) => {
		tcp.once("close", () => resolve());
	});
	const opened = new Promise<boolean>((resolve) => {
		socket.once(plain ? "connect" : "secureConnect", () => {
			isOpen = true;
			resolve(true);
		});
		void closed.then(() => resolve(false));
	});
	return {
		...{ socket, tcp, opened, closed },
		answers: () => answers,
		text: () => text,
	};
}

/** Writes as fast as the other side reads; stops when the connection ends. */
export async function pour(
	{ socket }: Pick<Wire, "socket">,
	pieces: Iterable<Buffer | string>,
): Promise<void> {
	for (const piece of pieces) {
		if (socket.destroyed) return;
		if (socket.write(piece)) continue;
		await new Promise<void>((resolve) => {
			const done = () => {
				socket.off("drain", done);
				socket.off("close", done);
				resolve();
			};
			socket.once("drain", done);
			socket.once("close", done);
		});
	}
}

/** Writes one byte every `milliseconds` until the text, the connection or the time ends. */
export async function dribble(
	{ socket }: Wire,
	text: string,
	milliseconds: number,
	over: AbortSignal,
): Promise<void> {
	for (const byte of text) {
		if (socket.destroyed || over.aborted) return;
		socket.write(byte);
		await pause(milliseconds, undefined, { signal: over }).catch(() => {});
	}
}

/** Reads `bytes` every `milliseconds` until the connection or the time ends. */
export async function sip(
	{ socket }: Wire,
	bytes: number,
	milliseconds: number,
	over: AbortSignal,
): Promise<void> {
	while (!socket.destroyed && !over.aborted) {
		socket.read(Math.min(bytes, socket.readableLength || 1));
		await pause(milliseconds, undefined, { signal: over }).catch(() => {});
	}
}
