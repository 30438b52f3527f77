import assert from "node:assert/strict";
import {
	createServer,
	type IncomingMessage,
	type Server,
	type ServerResponse,
} from "node:http";
import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { type Arrived, answering } from "./next-hop.ts";

type Test = Pick<TestContext, "after">;

/** Listens on a free port of 127.0.0.1; closes with all its connections when the test ends. */
async function listen(t: Test, server: Server): Promise<number> {
	await new Promise<void>((resolve, reject) => {
		server.once("error", reject);
		server.listen(0, "127.0.0.1", resolve);
	});
	t.after(() => {
		server.close();
		server.closeAllConnections();
	});
	const address = server.address();
	assert.ok(typeof address === "object" && address);
	return address.port;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
	const chunks: Buffer[] = [];
	for await (const chunk of request) chunks.push(chunk as Buffer);
	return Buffer.concat(chunks);
}

/** A plain HTTP server that answers as the test says. */
export async function plainServer(
	t: Test,
	answer: (response: ServerResponse, arrived: Arrived) => void,
): Promise<{ port: number; arrived: Arrived[] }> {
	const arrived: Arrived[] = [];
	const server = createServer(async (request, response) => {
		const { method = "", url = "", headers } = request;
		const body = await bodyOf(request);
		const one = { method, path: url, headers, body };
		arrived.push(one);
		answer(response, one);
	});
	return { port: await listen(t, server), arrived };
}

/**
 * A plain and a TLS server with the answer of a recorded case, `302 Found`, which redirects to
 * themselves.
 */
export async function stubServers(t: Test, status: string) {
	const answer = (response: ServerResponse) => {
		const code = Number.parseInt(status, 10);
		const isRedirect = code >= 300 && code < 400;
		response.writeHead(code, isRedirect ? { Location: "/followed" } : {});
		response.end("an answer's body does not count");
	};
	const plain = await plainServer(t, answer);
	const secure = await answering(t, answer);
	return {
		plain: plain.port,
		secure: secure.port,
		certificate: secure.certificate,
		arrived: () => [...plain.arrived, ...secure.arrived],
	};
}

/** A forward proxy that connects to a port of 127.0.0.1, whatever host is requested. */
export async function forwardProxy(t: Test, to: number) {
	const asked: string[] = [];
	const seen: IncomingMessage["headers"][] = [];
	const sockets = new Set<Socket>();
	const server = createServer(async (request, response) => {
		asked.push(`${request.method} ${request.url}`);
		seen.push(request.headers);
		const { pathname } = new URL(request.url ?? "");
		const body = await bodyOf(request);
		const upstream = connect(to, "127.0.0.1");
		sockets.add(upstream);
		upstream.end(
			`${request.method} ${pathname} HTTP/1.1\r\nhost: ${request.headers.host}\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
		);
		let text = "";
		for await (const chunk of upstream) text += chunk;
		response.writeHead(Number(/^HTTP\/1.1 (\d+)/.exec(text)?.[1] ?? 502));
		response.end();
	});
	server.on("connect", (request, client: Socket) => {
		asked.push(`CONNECT ${request.url}`);
		seen.push(request.headers);
		const upstream = connect(to, "127.0.0.1", () => {
			client.write("HTTP/1.1 200 Connection established\r\n\r\n");
			upstream.pipe(client).pipe(upstream);
		});
		for (const socket of [client, upstream]) {
			sockets.add(socket);
			socket.on("error", () => {});
			socket.once("close", () => {
				client.destroy();
				upstream.destroy();
			});
		}
	});
	t.after(() => {
		for (const socket of sockets) socket.destroy();
	});
	return { port: await listen(t, server), asked, seen };
}
