import { readFileSync } from "node:fs";
import { connect as connectTcp, isIP } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { whyRefused } from "../../src/protocol/pin.ts";
import { relayError } from "../../src/protocol/relay-error.ts";
import { systemReason } from "../../src/system-error.ts";
import {
	createAnswerReader,
	type HttpAnswer,
	HttpAnswerError,
} from "./http-answer.ts";
import type { CheckRequest } from "./request.ts";
import type { Trust } from "./trust.ts";

/** How long the rest of a refusal may take. Its status has arrived and counts without a reason, too. */
const refusalMilliseconds = 1_000;

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
	{ caFile, pin }: Trust,
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
		rejectUnauthorized: caFile !== undefined && pin === undefined,
		ca,
	});
	return { socket, reset: () => tcp.resetAndDestroy() };
}

// takes milliseconds, so call it only if needed
const fingerprintOf = (socket: TLSSocket) =>
	socket.getPeerX509Certificate()?.fingerprint256;

function wrongCertificate(socket: TLSSocket, { pin }: Trust) {
	const reason = pin && whyRefused(socket.getPeerX509Certificate(), pin);
	return reason === undefined ? undefined : new Error(reason);
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
	const reader = createAnswerReader();
	return new Promise<HttpAnswer>((resolve, reject) => {
		let isLate = false;
		const timer =
			timeoutMilliseconds > 0
				? setTimeout(() => {
						isLate = true;
						fail(new Error("late"));
					}, timeoutMilliseconds)
				: undefined;
		let patience: NodeJS.Timeout | undefined;
		let isDone = false;
		const done = (answer: HttpAnswer) => {
			isDone = true;
			clearTimeout(timer);
			clearTimeout(patience);
			socket.destroy();
			const { status, body, isWhole } = answer;
			note?.(
				`answer: ${status}, ${body.length} bytes of body${isWhole ? "" : ", cut off"}`,
			);
			resolve(answer);
		};
		const fail = (error: Error) => {
			if (isDone) return;
			const refusal = reader.refusal();
			if (refusal) return done(refusal);
			clearTimeout(timer);
			// reset: if a client only ends its side, the agent continues with the check
			reset();
			reject(
				relayError(
					// a plain error without a code, so that its text becomes the reason
					error instanceof HttpAnswerError ? new Error(error.message) : error,
					place,
					{ isLate, timeoutMilliseconds },
				),
			);
		};
		const read = (take: () => HttpAnswer | undefined) => {
			if (isDone) return;
			try {
				const answer = take();
				if (answer) return done(answer);
				if (reader.refusal())
					patience ??= setTimeout(
						() => fail(new Error("late")),
						refusalMilliseconds,
					);
			} catch (error) {
				fail(error as Error);
			}
		};
		socket.once("error", fail);
		socket.once("secureConnect", () => {
			const wrong = wrongCertificate(socket, trust);
			if (wrong) return fail(wrong);
			note?.(
				`connected: ${socket.getProtocol()}, certificate ${fingerprintOf(socket)}`,
			);
			note?.(`${request.head.replaceAll("\r\n", "\n")}${request.shown}`);
			socket.write(request.head + request.body);
		});
		socket.on("data", (bytes: Buffer) => read(() => reader.push(bytes)));
		socket.once("end", () => read(() => reader.end()));
		socket.once("close", () => read(() => reader.end()));
	});
}
