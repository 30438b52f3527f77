import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { test } from "node:test";
import { holdConnections } from "../../../src/http/held-connections.ts";
import { createSelfSigned } from "../../../src/http/self-signed.ts";

const { certificate, privateKey } = createSelfSigned({
	commonName: "test",
	names: ["127.0.0.1"],
	now: new Date(),
});

function aServer() {
	let requests = 0;
	const server = createServer(
		{ cert: certificate, key: privateKey, pauseOnConnect: true },
		(_request, response) => {
			requests++;
			response.end("OK");
		},
	);
	// in the place of the gate, which resumes what it admits
	const [serve] = server.listeners("connection");
	server.removeAllListeners("connection");
	server.on("connection", (socket) => serve?.call(server, socket));
	return { server, requests: () => requests };
}

const ask = (port: number) =>
	new Promise<string>((resolve, reject) => {
		const asked = request(
			{ host: "127.0.0.1", port, rejectUnauthorized: false, agent: false },
			(response) => {
				response.setEncoding("utf8").on("data", resolve);
			},
		);
		asked.once("error", reject).end();
	});

test("connections wait unread until they are served, and later ones do not", async (t) => {
	const { server, requests } = aServer();
	const held = holdConnections(server);
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	t.after(() => server.close());
	const { port } = server.address() as AddressInfo;
	const early = ask(port);
	await once(server, "connection");
	assert.equal(requests(), 0);
	held.serve();
	assert.equal(await early, "OK");
	assert.equal(await ask(port), "OK");
	assert.equal(requests(), 2);
});

test("connections that are never served do not keep a server open", async () => {
	const { server } = aServer();
	const held = holdConnections(server);
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address() as AddressInfo;
	const socket = connect(port, "127.0.0.1").on("error", () => {});
	await once(server, "connection");
	const closed = new Promise((resolve) => server.close(resolve));
	held.destroy();
	await closed;
	await once(socket, "close");
});
