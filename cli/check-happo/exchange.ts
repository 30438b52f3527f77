import { readFileSync } from "node:fs";
import { type IncomingMessage, request as requestHttp } from "node:http";
import { connect as connectTcp, isIP } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { Pieces } from "../../src/collect.ts";
import { relayError } from "../../src/protocol/relay-error.ts";
import { systemReason } from "../../src/system-error.ts";
import type { CheckOptions } from "./arguments.ts";
import { type CheckRequest, requestText } from "./request.ts";

/** The answer of an agent. */
export interface HttpAnswer {
	status: number;
	body: Buffer;
	/** Always true for status 200; the body of a refusal may be cut off. */
	isWhole: boolean;
}

/** Limit of the headers, of the trailers, and of all interim answers together, in bytes. */
const maxHeadBytes = 64 * 1024;
/** Limit of the body, far above any answer of an agent, in bytes. */
const maxBodyBytes = 64 * 1024 * 1024;
/** Limit of the body of a refusal, which only gives a reason, in bytes. */
const maxRefusalBytes = 64 * 1024;
/** How long we wait for the rest of a refusal: its status counts without a reason, too. */
const refusalMilliseconds = 1_000;

/** How to verify the other end. */
type Trust = Pick<CheckOptions, "caFile" | "fingerprint">;

/** Reads a CA file. Throws an error that names the file. */
function readCa(file: string): Buffer {
	let ca: Buffer;
	try {
		ca = readFileSync(file);
	} catch (error) {
		throw new Error(`--ca-file ${file}: ${systemReason(error)}`);
	}
	if (ca.includes("-----BEGIN CERTIFICATE-----")) return ca;
	throw new Error(`--ca-file ${file}: has no certificate in PEM form`);
}

/** Opens a connection. Without a CA file its certificate is not verified, as in v1. */
function open(
	{ to }: CheckRequest,
	{ caFile }: Trust,
): { socket: TLSSocket; reset: () => void } {
	// not undefined: parsing the 150 root certificates of Node would take longer than the whole
	// check
	const ca = caFile === undefined ? [] : readCa(caFile);
	const tcp = connectTcp({ host: to.host, port: to.port });
	const socket = connect({
		socket: tcp,
		host: to.host,
		...(isIP(to.host) === 0 && { servername: to.host }),
		minVersion: "TLSv1.2",
		rejectUnauthorized: caFile !== undefined,
		ca,
	});
	return { socket, reset: () => tcp.resetAndDestroy() };
}

// takes milliseconds, so call it only if needed
const fingerprintOf = (socket: TLSSocket) =>
	socket.getPeerX509Certificate()?.fingerprint256;

function wrongFingerprint(socket: TLSSocket, { fingerprint }: Trust) {
	if (fingerprint === undefined) return undefined;
	const found = fingerprintOf(socket);
	if (found === fingerprint) return undefined;
	return new Error(`certificate fingerprint is ${found}, not ${fingerprint}`);
}

const notHttp = () => new Error("the answer is not HTTP");

const headTooLarge = () =>
	new Error(`the answer has headers of over ${maxHeadBytes} bytes`);

const cutOff = () => new Error("closed before the answer was complete");

/** What node:http reports, in our words. */
function inOurWords(error: NodeJS.ErrnoException, bytesRead: number): Error {
	const { code = "", syscall } = error;
	if (/^HPE_(HEADER|CHUNK_EXTENSIONS)_OVERFLOW$/.test(code))
		return headTooLarge();
	if (code.startsWith("HPE_")) return notHttp();
	// if the agent only closes the connection, there is no system call
	if (code !== "ECONNRESET" || syscall !== undefined) return error;
	return bytesRead === 0 ? new Error("closed without an answer") : cutOff();
}

/**
 * The status of a refusal whose headers Node's parser rejects; undefined if the bytes do not begin
 * with that of a refusal.
 */
function refusedStatus({ rawPacket }: { rawPacket?: Buffer }) {
	const start = rawPacket?.toString("latin1", 0, 13) ?? "";
	const status = /^HTTP\/1\.[01] ([2-9]\d\d)[ \r]/.exec(start)?.[1];
	return status === "200" || status === undefined ? undefined : Number(status);
}

/** Why a body cannot be read, although the headers are valid HTTP; undefined if it can be. */
function unreadable({ headers }: IncomingMessage) {
	const coding = headers["transfer-encoding"]?.toLowerCase() ?? "chunked";
	if (coding === "chunked") return undefined;
	return new Error(`the answer has an unexpected transfer coding: ${coding}`);
}

/**
 * Sends a request and returns the answer. Rejects with a RelayError that names the agent if the
 * connection fails or the time limit is reached. Throws an Error if the CA file cannot be read.
 * @param timeoutMilliseconds 0 means no limit
 * @param note prints a line about the exchange, for --verbose
 */
export function exchange(
	request: CheckRequest,
	trust: Trust,
	timeoutMilliseconds: number,
	note: ((line: string) => void) | undefined,
): Promise<HttpAnswer> {
	const place = request.to.text;
	note?.(`connecting to ${place}`);
	const { socket, reset } = open(request, trust);
	return new Promise<HttpAnswer>((resolve, reject) => {
		let isDone = false;
		let isLate = false;
		/** The status of a refusal, a final answer that is not 200, once it has arrived. */
		let refused: number | undefined;
		const body = new Pieces();
		const timers: NodeJS.Timeout[] = [];
		const after = (milliseconds: number, act: () => void) =>
			timers.push(setTimeout(act, milliseconds));

		const finish = () => {
			isDone = true;
			for (const timer of timers) clearTimeout(timer);
		};
		const done = (status: number, isWhole: boolean) => {
			if (isDone) return;
			finish();
			socket.destroy();
			note?.(
				`answer: ${status}, ${body.length} bytes of body${isWhole ? "" : ", cut off"}`,
			);
			resolve({ status, body: body.whole(), isWhole });
		};
		const fail = (error: Error) => {
			if (isDone) return;
			if (refused !== undefined) return done(refused, false);
			finish();
			// reset: if a client only ends its side, the agent continues with the check
			reset();
			reject(relayError(error, place, { isLate, timeoutMilliseconds }));
		};

		/** Why the connection ended, if node:http says so. */
		let failure: Error | undefined;
		const read = (answer: IncomingMessage) => {
			const { statusCode: status = 0, httpVersionMajor } = answer;
			if (httpVersionMajor !== 1) return fail(notHttp());
			if (status !== 200) {
				refused = status;
				after(refusalMilliseconds, () => fail(new Error("late")));
			}
			const wrong = unreadable(answer);
			if (wrong) return fail(wrong);
			const maxBytes = status === 200 ? maxBodyBytes : maxRefusalBytes;
			answer.on("data", (bytes: Buffer) => {
				if (body.length + bytes.length > maxBytes)
					return fail(new Error(`the answer is over ${maxBytes} bytes`));
				body.add(bytes);
				// the end of the stream would cost another half millisecond of CPU
				if (answer.complete && answer.readableLength === 0) done(status, true);
			});
			answer.once("end", () => done(status, true));
			answer.on("error", () => {});
			// after all that has arrived of the body
			answer.once("close", () => fail(failure ?? cutOff()));
		};
		const send = () => {
			let isAnswered = false;
			requestHttp({
				createConnection: () => socket,
				method: "POST",
				path: request.path,
				headers: request.headers,
				maxHeaderSize: maxHeadBytes,
			})
				.on("error", (error: Error & { rawPacket?: Buffer }) => {
					failure ??= inOurWords(error, socket.bytesRead);
					if (isAnswered) return;
					refused = refusedStatus(error);
					fail(failure);
				})
				.on("information", () => {
					if (socket.bytesRead > maxHeadBytes) fail(headTooLarge());
				})
				.once("response", (answer) => {
					isAnswered = true;
					read(answer);
				})
				.once("upgrade", ({ statusCode = 0 }) => done(statusCode, true))
				.end(request.body);
		};

		if (timeoutMilliseconds > 0)
			after(timeoutMilliseconds, () => {
				isLate = true;
				fail(new Error("late"));
			});
		socket.on("error", fail);
		const closed = () => fail(new Error("closed without an answer"));
		socket.once("close", closed);
		socket.once("secureConnect", () => {
			// from now on node:http reports it
			socket.off("close", closed);
			const wrong = wrongFingerprint(socket, trust);
			if (wrong) return fail(wrong);
			note?.(
				`connected: ${socket.getProtocol()}, certificate ${fingerprintOf(socket)}`,
			);
			note?.(requestText(request));
			send();
		});
	});
}
