/*
 * The protocol between check_happo and the broker over a Unix socket, version 1.
 * The C client (cli/check-happo/native) has the same numbers.
 *
 * Both sides send frames. All numbers are big-endian:
 *
 *   u32  number of bytes that follow, at least 6
 *   u8   version of the protocol
 *   u8   kind
 *   u32  id that the client chooses and the answer repeats; a frame with id 0 is
 *        about the whole connection
 *   ...  body, depending on the kind
 *
 *   to the broker
 *    1 check     u32 milliseconds that the client will still wait, at least 1, then
 *                the arguments after `monitor`, in UTF-8, each terminated by NUL;
 *                only --host, --port, --proxy, --plugin-name, --plugin-option,
 *                --timeout and --perfdata-first-line, each as --name=value
 *    2 status    empty
 *    3 metrics   empty
 *    4 worker    empty; says that the client is a worker of Nagios, and asks for a
 *                sign of life
 *
 *   to the client
 *   17 result    u8 exit status, then the text for standard output
 *   18 elsewhere the reason in UTF-8; nothing was run, so the client runs the check
 *                itself
 *   19 text      the status (JSON) or the metrics (Prometheus); empty for a worker
 *
 * The head is the same in every version. A program that receives a frame of another
 * version closes the connection; the broker answers with 18 first. A client may send
 * more requests before it has the answers, which come in any order. When a client
 * closes its sending side, the broker aborts what is still running for it.
 */

export const protocolVersion = 1;

/** Where the broker listens and clients connect by default. */
export const defaultSocket = "/run/happo/broker.sock";

/** Limit of a request in bytes; a command line is far shorter. */
export const maxRequestBytes = 262_144;

/** Limit of an answer in bytes. */
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

/** The bytes are not a frame, and nothing after them can be read. */
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
	 * Adds bytes, and returns the frames that are now complete.
	 * @throws FrameError
	 */
	push(bytes: Buffer): Frame[];
	/** Whether an incomplete frame has arrived. */
	readonly isInFrame: boolean;
}

export function createFrameReader(maxBytes: number): FrameReader {
	let pieces: Buffer[] = [];
	let length = 0;

	/** All bytes as one buffer, which is kept, so that tiny pieces are copied only once. */
	const whole = () => {
		const [first = Buffer.alloc(0), ...others] = pieces;
		if (others.length === 0) return first;
		const bytes = Buffer.concat(pieces, length);
		pieces = [bytes];
		return bytes;
	};
	/** Number of bytes without which nothing can be read. */
	let needed = 4;

	/** Removes and returns the next frame; undefined if it is incomplete. */
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

/** The content of a frame of kind `check`. */
export interface CheckFrame {
	millisecondsLeft: number;
	/** `--host=web01`, `--plugin-name=check_x` ... */
	words: string[];
}

/** Parses the body of a frame of kind `check`; undefined if it is invalid. */
export function checkFrame(body: Buffer): CheckFrame | undefined {
	if (body.length < 5 || body.at(-1) !== 0) return undefined;
	const millisecondsLeft = body.readUInt32BE(0);
	if (millisecondsLeft < 1) return undefined;
	const words = body.toString("utf8", 4, body.length - 1).split("\0");
	return { millisecondsLeft, words };
}

/** Makes the body of a frame of kind `check`. */
export function checkBody({ millisecondsLeft, words }: CheckFrame): Buffer {
	const head = Buffer.alloc(4);
	head.writeUInt32BE(millisecondsLeft, 0);
	return Buffer.concat([
		head,
		Buffer.from(words.map((word) => `${word}\0`).join("")),
	]);
}

/** Makes the body of a frame of kind `result`. */
export const resultBody = (status: number, output: string): Buffer =>
	Buffer.concat([Buffer.from([status]), Buffer.from(output)]);
