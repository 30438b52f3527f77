/** An HTTP/1.1 answer. */
export interface HttpAnswer {
	status: number;
	body: Buffer;
	/** Always true for status 200; the body of a refusal may be cut off. */
	isWhole: boolean;
}

/** Why the bytes are not an answer, in one line that does not name the agent. */
export class HttpAnswerError extends Error {}

/** Reads one answer from the bytes of a connection. */
export interface AnswerReader {
	/**
	 * Adds bytes. Returns the answer once it is complete. Throws HttpAnswerError, unless a refusal has
	 * begun: then what is wrong cuts its body off.
	 */
	push(bytes: Buffer): HttpAnswer | undefined;
	/** Call it at the end of the connection. Throws HttpAnswerError if the answer is incomplete. */
	end(): HttpAnswer;
	/** What has arrived of a refusal, a final answer with another status than 200. */
	refusal(): HttpAnswer | undefined;
}

/** Limit for headers and trailers together, and for the size line of a chunk. */
const maxHeadBytes = 64 * 1024;
/** Limit for the body, far more than any answer of an agent. */
export const maxAnswerBodyBytes = 64 * 1024 * 1024;
/** Limit for the body of a refusal, which only has a reason. */
const maxRefusalBytes = 64 * 1024;

const notHttp = () => new HttpAnswerError("the answer is not HTTP");

/**
 * What the reader expects next: a line, or a number of bytes, which is infinite for a body without
 * length.
 */
type Step =
	| { of: "head" | "chunk size" | "chunk end" | "trailer" | "done" }
	| { of: "body" | "chunk"; left: number };

/** A buffer that doubles its memory, so that many small pieces cost little. */
function growingBuffer(maxBytes: number) {
	let memory = Buffer.alloc(0);
	let length = 0;
	return {
		add(bytes: Buffer) {
			const wanted = length + bytes.length;
			if (wanted > maxBytes)
				throw new HttpAnswerError(`the answer is over ${maxBytes} bytes`);
			if (wanted > memory.length) {
				const larger = Buffer.allocUnsafe(Math.max(wanted, 2 * memory.length));
				memory.copy(larger, 0, 0, length);
				memory = larger;
			}
			bytes.copy(memory, length);
			length = wanted;
		},
		whole: () => memory.subarray(0, length),
	};
}

/** How to read the body of an answer, according to RFC 9112 section 6.3. */
function bodyStep(headers: readonly [string, string][]): Step {
	const values = (name: string) =>
		headers
			.filter(([one]) => one === name)
			.flatMap(([, value]) => value.split(",").map((one) => one.trim()));
	const codings = values("transfer-encoding").map((one) => one.toLowerCase());
	if (codings.length > 0) {
		if (codings.length === 1 && codings[0] === "chunked")
			return { of: "chunk size" };
		throw new HttpAnswerError(
			`the answer has an unexpected transfer coding: ${codings.join(", ")}`,
		);
	}
	const [length, ...others] = new Set(values("content-length"));
	if (length === undefined)
		return { of: "body", left: Number.POSITIVE_INFINITY };
	if (others.length > 0 || !/^\d{1,15}$/.test(length)) throw notHttp();
	return Number(length) === 0
		? { of: "done" }
		: { of: "body", left: Number(length) };
}

/** Statuses of answers that never have a body. */
const bodiless: ReadonlySet<string> = new Set(["101", "204", "304"]);

/** What follows the headers of a refusal. Invalid ones do not hide its status. */
function refusalStep(
	status: string,
	headers: readonly [string, string][],
): Step {
	if (bodiless.has(status)) return { of: "done" };
	try {
		return bodyStep(headers);
	} catch {
		return { of: "done" };
	}
}

/** The status of an answer, and what follows its headers. */
function readHead(text: string): { status: number; next: Step } {
	const [first = "", ...lines] = text.split("\r\n");
	const status = /^HTTP\/1\.[01] ([1-9]\d\d)(?: [^\r\n]*)?$/.exec(first)?.[1];
	if (status === undefined) throw notHttp();
	const headers = lines.map((line): [string, string] => {
		const [, name = "", value = ""] =
			/^([!#$%&'*+.^_`|~\w-]+):[ \t]*([^\r\n\0]*?)[ \t]*$/.exec(line) ?? [];
		if (name === "") throw notHttp();
		return [name.toLowerCase(), value];
	});
	const isInterim = /^1(?!01)/.test(status);
	return {
		status: Number(status),
		next: isInterim
			? { of: "head" }
			: status === "200"
				? bodyStep(headers)
				: refusalStep(status, headers),
	};
}

function readSize(line: string): Step {
	// ignore chunk extensions
	const digits = /^([0-9A-Fa-f]{1,12})[ \t]*(?:;[^\r\n]*)?$/.exec(line)?.[1];
	if (digits === undefined) throw notHttp();
	const left = Number.parseInt(digits, 16);
	return left === 0 ? { of: "trailer" } : { of: "chunk", left };
}

export function createAnswerReader(
	maxBodyBytes = maxAnswerBodyBytes,
): AnswerReader {
	let body = growingBuffer(maxBodyBytes);
	let isRefusal = false;
	let step: Step = { of: "head" };
	let status = 0;
	/** Bytes of an incomplete line or incomplete headers. */
	let rest: Buffer = Buffer.alloc(0);
	let headBytes = 0;

	/** Takes the text up to a mark, and the mark; undefined if the mark has not arrived yet. */
	const upTo = (mark: string): string | undefined => {
		const end = rest.indexOf(mark);
		if ((end < 0 ? rest.length : end) + headBytes > maxHeadBytes)
			throw new HttpAnswerError(
				`the answer has headers of over ${maxHeadBytes} bytes`,
			);
		if (end < 0) return undefined;
		const text = rest.toString("latin1", 0, end);
		rest = rest.subarray(end + mark.length);
		return text;
	};

	const takeBytes = (of: "body" | "chunk", left: number): Step | undefined => {
		if (rest.length === 0) return undefined;
		const part = rest.subarray(0, left);
		rest = rest.subarray(part.length);
		body.add(part);
		if (part.length < left) return { of, left: left - part.length };
		return { of: of === "body" ? "done" : "chunk end" };
	};

	/** Makes one step. Returns the next one, or undefined if more bytes are needed. */
	const advance = (): Step | undefined => {
		if (step.of === "body" || step.of === "chunk")
			return takeBytes(step.of, step.left);
		if (step.of === "head") {
			const start = rest.toString("latin1", 0, 7);
			if (start !== "HTTP/1.".slice(0, start.length)) throw notHttp();
			const text = upTo("\r\n\r\n");
			if (text === undefined) return undefined;
			headBytes += text.length;
			const { next, ...head } = readHead(text);
			status = head.status;
			isRefusal = status !== 200 && next.of !== "head";
			if (isRefusal) body = growingBuffer(maxRefusalBytes);
			return next;
		}
		const line = upTo("\r\n");
		if (line === undefined) return undefined;
		if (step.of === "chunk size") return readSize(line);
		if (step.of === "chunk end") {
			if (line !== "") throw notHttp();
			return { of: "chunk size" };
		}
		headBytes += line.length + 2;
		return line === "" ? { of: "done" } : step;
	};

	const answer = (isWhole: boolean) => ({
		status,
		body: body.whole(),
		isWhole,
	});
	const refusal = () => (isRefusal ? answer(step.of === "done") : undefined);
	return {
		refusal,
		push(bytes) {
			rest = rest.length > 0 ? Buffer.concat([rest, bytes]) : bytes;
			try {
				while (step.of !== "done") {
					const next = advance();
					if (next === undefined) return undefined;
					step = next;
				}
			} catch (error) {
				const cut = refusal();
				if (cut) return cut;
				throw error;
			}
			return answer(true);
		},
		end() {
			if (step.of === "body" && step.left === Number.POSITIVE_INFINITY)
				return answer(true);
			const cut = refusal();
			if (cut) return cut;
			throw new HttpAnswerError(
				status === 0 && rest.length === 0
					? "closed without an answer"
					: "closed before the answer was complete",
			);
		},
	};
}
