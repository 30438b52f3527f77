/*
 * What check_happo and the broker say to each other over a Unix socket, version 1.
 * The C client (cli/check-happo/native) has the same numbers.
 *
 * Both sides send frames. All numbers are big-endian:
 *
 *   u32  bytes that follow, at least 6
 *   u8   version of the protocol
 *   u8   kind
 *   u32  id, which the client chooses and the answer repeats; 0 is no answer to a
 *        request but about the whole connection
 *   ...  body, by kind
 *
 *   to the broker
 *    1 check     u32 milliseconds that the client still waits, at least 1, then the
 *                arguments behind `monitor`, each in UTF-8 and ended by NUL: only
 *                --host, --port, --proxy, --plugin-name, --plugin-option,
 *                --timeout and --perfdata-first-line, each as --name=value
 *    2 status    empty
 *    3 metrics   empty
 *    4 worker    empty; says that the client is a worker of Nagios, and asks for a
 *                sign of life
 *
 *   to the client
 *   17 result    u8 exit status, then the text for standard output
 *   18 elsewhere the reason in UTF-8; nothing was run: the client runs the check
 *                itself
 *   19 text      of a status (JSON) or of metrics (Prometheus); empty for a worker
 *
 * This head stays the same in every version. Who gets a frame of another version
 * closes the connection; a broker answers with 18 before. A client may send further
 * requests before it has the answers, which come in any order. A client that
 * closes its side has gone: what runs for it is stopped.
 */

export const protocolVersion = 1;

/** Where the broker listens, and where clients look for it. */
export const defaultSocket = "/run/happo/broker.sock";

/** Requests above this are not read: a command line is far shorter. */
export const maxRequestBytes = 262_144;

/** The longest answer that a client reads. */
export const maxAnswerBytes = 64 * 1024 * 1024 + 64;

export const kinds = {
	check: 1,
	status: 2,
	metrics: 3,
	worker: 4,
	result: 17,
	elsewhere: 18,
	text: 19,
} as const;

const headBytes = 10;
const countedBytes = 6;

export interface Frame {
	version: number;
	/** One of `kinds`, or of a later version. */
	kind: number;
	id: number;
	body: Buffer;
}

/** What arrived is no frame: the connection cannot go on. */
export class FrameError extends Error {
	override name = "FrameError";
}

/** The bytes of a frame. */
export function frameBytes({
	version = protocolVersion,
	kind,
	id,
	body,
}: Omit<Frame, "version"> & { version?: number }): Buffer {
	const bytes = Buffer.allocUnsafe(headBytes + body.length);
	bytes.writeUInt32BE(countedBytes + body.length, 0);
	bytes.writeUInt8(version, 4);
	bytes.writeUInt8(kind, 5);
	bytes.writeUInt32BE(id, 6);
	body.copy(bytes, headBytes);
	return bytes;
}

/** Reads frames from the bytes of a connection. */
export interface FrameReader {
	/**
	 * Takes what arrived and gives the frames that are complete now.
	 * @throws FrameError
	 */
	push(bytes: Buffer): Frame[];
	/** Whether a part of a frame is there. */
	readonly isInFrame: boolean;
}

export function createFrameReader(maxBytes: number): FrameReader {
	let pieces: Buffer[] = [];
	let length = 0;

	/** The first bytes in one piece: pieces of one byte must not be copied again and again. */
	const whole = () => {
		const [first = Buffer.alloc(0), ...others] = pieces;
		if (others.length === 0) return first;
		const bytes = Buffer.concat(pieces, length);
		pieces = [bytes];
		return bytes;
	};
	/** Bytes that are needed before there is something to look at. */
	let needed = 4;

	/** The next frame, taken away; undefined if it is not complete. */
	const next = (): Frame | undefined => {
		if (length < needed) return undefined;
		const bytes = whole();
		const counted = bytes.readUInt32BE(0);
		if (counted < countedBytes || counted > maxBytes)
			throw new FrameError(
				`a frame of ${counted} bytes: not ${countedBytes} to ${maxBytes}`,
			);
		needed = 4 + counted;
		if (length < needed) return undefined;
		const rest = bytes.subarray(needed);
		pieces = rest.length > 0 ? [rest] : [];
		length = rest.length;
		needed = 4;
		return {
			version: bytes.readUInt8(4),
			kind: bytes.readUInt8(5),
			id: bytes.readUInt32BE(6),
			body: bytes.subarray(headBytes, 4 + counted),
		};
	};

	return {
		push(bytes) {
			pieces.push(bytes);
			length += bytes.length;
			const frames: Frame[] = [];
			for (let frame = next(); frame; frame = next()) frames.push(frame);
			return frames;
		},
		get isInFrame() {
			return length > 0;
		},
	};
}

/** What is asked for in a frame of kind `check`. */
export interface CheckFrame {
	millisecondsLeft: number;
	/** `--host=web01`, `--plugin-name=check_x` ... */
	words: string[];
}

/** The body of a check; undefined if it is none. */
export function checkFrame(body: Buffer): CheckFrame | undefined {
	if (body.length < 5 || body.at(-1) !== 0) return undefined;
	const millisecondsLeft = body.readUInt32BE(0);
	if (millisecondsLeft < 1) return undefined;
	const words = body.toString("utf8", 4, body.length - 1).split("\0");
	return { millisecondsLeft, words };
}

/** The body of a frame of kind `check`. */
export function checkBody({ millisecondsLeft, words }: CheckFrame): Buffer {
	const head = Buffer.alloc(4);
	head.writeUInt32BE(millisecondsLeft, 0);
	return Buffer.concat([
		head,
		Buffer.from(words.map((word) => `${word}\0`).join("")),
	]);
}

/** The body of a result. */
export const resultBody = (status: number, output: string): Buffer =>
	Buffer.concat([Buffer.from([status]), Buffer.from(output)]);
