import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createHttps, type ServerOptions } from "node:https";
import { createServer, type Server, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { createSelfSigned } from "../../src/tls/self-signed.ts";

type Test = Pick<TestContext, "after">;

/** A server that stands in for an agent. */
export interface NextHop {
	port: number;
	/** Connections accepted so far, and those currently open. */
	accepted(): number;
	open(): number;
	/** Resets open connections, and goes on listening. */
	resetAll(): void;
	/** Stops listening, and closes open connections. */
	close(): Promise<void>;
}

/** Listens on a free port; closes with all its connections when the test ends. */
async function listen(
	t: Test,
	server: Server,
	host: string,
): Promise<Omit<NextHop, "resetAll"> & { sockets: Set<Socket> }> {
	const sockets = new Set<Socket>();
	let accepted = 0;
	server.on("connection", (socket: Socket) => {
		accepted++;
		sockets.add(socket);
		socket.on("error", () => {});
		socket.once("close", () => sockets.delete(socket));
	});
	await new Promise<void>((resolve, reject) => {
		server.once("error", reject);
		server.listen(0, host, resolve);
	});
	const address = server.address();
	assert.ok(typeof address === "object" && address);
	const close = () =>
		new Promise<void>((resolve) => {
			server.close(() => resolve());
			for (const socket of sockets) socket.destroy();
		});
	t.after(() => (server.listening ? close() : undefined));
	return {
		port: address.port,
		accepted: () => accepted,
		open: () => sockets.size,
		close,
		sockets,
	};
}

const resetting = ({ sockets }: { sockets: Set<Socket> }) => ({
	resetAll: () => {
		for (const socket of sockets) socket.resetAndDestroy();
	},
});

/** A TCP server on 127.0.0.1 that treats connections as the test says. */
export async function listening(
	t: Test,
	onConnection: (socket: Socket) => void,
): Promise<NextHop> {
	const started = await listen(t, createServer(onConnection), "127.0.0.1");
	return { ...started, ...resetting(started) };
}

/** A complete request that has arrived. */
export interface Arrived {
	method: string;
	path: string;
	headers: IncomingMessage["headers"];
	body: Buffer;
}

export interface TlsNextHop extends NextHop {
	certificate: string;
	/** Requests whose first line and headers have been read, in order. */
	arrived: Arrived[];
}

/** A valid key pair for the loopback addresses. */
export const createPair = (names: readonly string[] = ["127.0.0.1"]) =>
	createSelfSigned({ commonName: "next hop", names, now: new Date() });

/** An HTTPS server with a certificate of its own that answers as the test says. */
export async function answering(
	t: Test,
	answer: (response: ServerResponse, arrived: Arrived) => void,
	options: ServerOptions & { host?: string } = {},
): Promise<TlsNextHop> {
	const pair = createPair();
	const arrived: Arrived[] = [];
	const { host = "127.0.0.1", ...tls } = options;
	const server = createHttps(
		{ cert: pair.certificate, key: pair.privateKey, ...tls },
		(request, response) => {
			const { method = "", url = "", headers } = request;
			const chunks: Buffer[] = [];
			const one = { method, path: url, headers, body: Buffer.alloc(0) };
			arrived.push(one);
			request.on("data", (chunk: Buffer) => chunks.push(chunk));
			request.on("error", () => {});
			request.once("end", () => {
				one.body = Buffer.concat(chunks);
				answer(response, one);
			});
		},
	);
	server.on("tlsClientError", () => {});
	server.keepAliveTimeout = 60_000;
	const started = await listen(t, server, host);
	return {
		...started,
		...resetting(started),
		certificate: String(tls.cert ?? pair.certificate),
		arrived,
	};
}

/** Answers with JSON, like an agent. */
export function json(response: ServerResponse, value: unknown, status = 200) {
	response.writeHead(status, { "Content-Type": "application/json" });
	response.end(JSON.stringify(value));
}
