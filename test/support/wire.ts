import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { connect as connectTls } from "node:tls";

/** What a connection gave, and how long it was open. */
export interface Ended {
	text: string;
	milliseconds: number;
}

/** A connection whose bytes a test writes itself. */
export interface Wire {
	socket: Socket;
	/** Ends it with a TCP reset. */
	reset(): void;
	/** Connected, over TLS the handshake included. */
	opened: Promise<void>;
	/** Everything that arrived so far. */
	text(): string;
	/** Resolves once what arrived matches; rejects when the connection ends before that, or after ten seconds. */
	until(pattern: RegExp): Promise<string>;
	/** Resolves when the connection has ended, by whoever. */
	ended: Promise<Ended>;
}

interface Where {
	port: number;
	/** TCP only, no TLS. */
	plain?: boolean;
	/** Address the client connects from. */
	localAddress?: string;
	/** Does not end its side when the server ends its own. */
	allowHalfOpen?: boolean;
}

/** Far longer than any test waits for an end. */
const limitMilliseconds = 15_000;

/** Opens a connection to 127.0.0.1; it is destroyed at the end of the test, or after fifteen seconds. */
export function openWire(t: Pick<TestContext, "after">, where: Where): Wire {
	const { plain = false, ...rest } = where;
	const tcp = connect({ host: "127.0.0.1", ...rest });
	const socket: Socket = plain
		? tcp
		: connectTls({ socket: tcp, rejectUnauthorized: false });
	const from = performance.now();
	let text = "";
	const limit = setTimeout(() => socket.destroy(), limitMilliseconds);
	t.after(() => socket.destroy());
	socket.setEncoding("utf8").on("data", (chunk: string) => {
		text += chunk;
	});
	// a reset is an end like others
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
	// for those who do not wait for it
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

/** Sends bytes on a connection of their own, and closes it when the head of an answer has begun. */
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

/** A request as it goes over the wire, with its Content-Length if it has a body. */
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
