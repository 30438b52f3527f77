import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { type ConnectionOptions, connect as connectTls } from "node:tls";

/** The bytes received on a connection, and how long it was open. */
export interface Ended {
	text: string;
	milliseconds: number;
}

/** A connection whose bytes the test writes itself. */
export interface Wire {
	socket: Socket;
	/** Resets the TCP connection. */
	reset(): void;
	/** Resolves when connected, including the TLS handshake. */
	opened: Promise<void>;
	/** Everything received so far. */
	text(): string;
	/**
	 * Resolves when the received text matches; rejects if the connection ends first, or after ten
	 * seconds.
	 */
	until(pattern: RegExp): Promise<string>;
	/** Resolves when the connection has ended, from either side. */
	ended: Promise<Ended>;
}

interface Where {
	port: number;
	/** Plain TCP, without TLS. */
	plain?: boolean;
	/** Address the client connects from. */
	localAddress?: string;
	/** Keep its side open when the server closes its own. */
	allowHalfOpen?: boolean;
	/** Further options of TLS. */
	tls?: ConnectionOptions;
}

/** Far longer than any test waits. */
const limitMilliseconds = 15_000;

/** Opens a connection to 127.0.0.1, destroyed at the end of the test, or after fifteen seconds. */
export function openWire(t: Pick<TestContext, "after">, where: Where): Wire {
	const { plain = false, tls, ...rest } = where;
	const tcp = connect({ host: "127.0.0.1", ...rest });
	const socket: Socket = plain
		? tcp
		: connectTls({ ...tls, socket: tcp, rejectUnauthorized: false });
	const from = performance.now();
	let text = "";
	const limit = setTimeout(() => socket.destroy(), limitMilliseconds);
	t.after(() => socket.destroy());
	socket.setEncoding("utf8").on("data", (chunk: string) => {
		text += chunk;
	});
	// a reset counts as an end
	tcp.on("error", () => socket.destroy());
	socket.on("error", () => {});
	const ended = new Promise<Ended>((resolve) => {
		const over = () => {
			clearTimeout(limit);
			resolve({ text, milliseconds: performance.now() - from });
		};
		socket.once("close", over);
		if (rest.allowHalfOpen) socket.once("end", over);
	});
	const opened = new Promise<void>((resolve, reject) => {
		socket.once(plain ? "connect" : "secureConnect", () => resolve());
		void ended.then(() => reject(new Error("ended before it was open")));
	});
	// for tests that do not wait for it
	opened.catch(() => {});
	return {
		socket,
		reset: () => tcp.resetAndDestroy(),
		opened,
		text: () => text,
		until: (pattern) =>
			new Promise((resolve, reject) => {
				const give = (why: string) =>
					reject(new Error(`${why} before ${pattern}: ${text}`));
				const limit = setTimeout(() => give("ten seconds passed"), 10_000);
				const look = () => {
					if (!pattern.test(text)) return;
					clearTimeout(limit);
					socket.off("data", look);
					resolve(text);
				};
				socket.on("data", look);
				look();
				void ended.then(() => {
					clearTimeout(limit);
					give("the connection ended");
				});
			}),
		ended,
	};
}

/** Sends bytes on a new connection, and closes it when an answer begins. */
export async function sendBytes(
	t: Pick<TestContext, "after">,
	where: Where,
	bytes: string,
) {
	const wire = openWire(t, where);
	await wire.opened;
	wire.socket.write(bytes);
	await wire.until(/HTTP\/1\.1 \d+ /);
	wire.socket.destroy();
}

/** The text of a request, with Content-Length if it has a body. */
export function requestText(
	line: string,
	body?: string,
	headers: readonly string[] = [],
): string {
	return [
		/ HTTP\/1\.\d$/.test(line) ? line : `${line} HTTP/1.1`,
		"Host: agent",
		...headers,
		...(body === undefined
			? []
			: [`Content-Length: ${Buffer.byteLength(body)}`]),
		"",
		body ?? "",
	].join("\r\n");
}
