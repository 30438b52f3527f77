import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer as createTcp, type Server, type Socket } from "node:net";
import { createServer as createTls } from "node:tls";
import { createPair } from "../../../test/support/next-hop.ts";
import type { Scope } from "../../../test/support/scope.ts";
import { pour } from "./wires.ts";

/** Listens on a free port of an address until the scope ends. Returns `address:port`. */
async function listen(
	scope: Pick<Scope, "after">,
	server: Server,
	host: string,
) {
	const sockets = new Set<Socket>();
	server.on("connection", (socket: Socket) => {
		sockets.add(socket);
		socket.on("error", () => {});
		socket.once("close", () => sockets.delete(socket));
	});
	server.listen(0, host);
	await once(server, "listening");
	scope.after(async () => {
		for (const socket of sockets) socket.destroy();
		server.close();
		await once(server, "close");
	});
	const address = server.address();
	if (typeof address !== "object" || !address) throw new Error("no address");
	return `${host}:${address.port}`;
}

/** A next hop that answers every request with these bytes, over TLS. */
export function answeringHop(
	scope: Pick<Scope, "after">,
	host: string,
	answer: () => Iterable<Buffer | string>,
): Promise<string> {
	const { certificate: cert, privateKey: key } = createPair([host]);
	const server = createTls({ cert, key }, (socket) => {
		socket.on("error", () => {});
		socket.once("data", () => void pour({ socket }, answer()));
	});
	server.on("tlsClientError", () => {});
	return listen(scope, server, host);
}

/** A next hop that begins an answer and continues it with a byte a second. */
export function slowHop(
	scope: Pick<Scope, "after">,
	host: string,
): Promise<string> {
	const { certificate: cert, privateKey: key } = createPair([host]);
	const server = createTls({ cert, key }, (socket) => {
		socket.on("error", () => {});
		socket.once("data", () => {
			socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
			const timer = setInterval(() => socket.write(" "), 1000);
			socket.once("close", () => clearInterval(timer));
		});
	});
	server.on("tlsClientError", () => {});
	return listen(scope, server, host);
}

/** A next hop that accepts connections and never answers. */
export const silentHop = (scope: Pick<Scope, "after">, host: string) =>
	listen(scope, createTcp({ pauseOnConnect: true }), host);

/** A next hop that accepts nothing: the kernel drops connections beyond its short backlog. */
export async function fullHop(
	scope: Pick<Scope, "after">,
	host: string,
): Promise<string> {
	const code = `const server = require("node:net").createServer();
server.listen({ port: 0, host: ${JSON.stringify(host)}, backlog: 1 }, () => {
	require("node:fs").writeSync(1, server.address().port + "\\n");
	Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});`;
	const child = spawn(process.execPath, ["-e", code], {
		stdio: ["ignore", "pipe", "inherit"],
	});
	scope.after(async () => {
		child.kill("SIGKILL");
		await once(child, "close");
	});
	const [port] = (await once(child.stdout, "data")) as [Buffer];
	return `${host}:${port.toString().trim()}`;
}
