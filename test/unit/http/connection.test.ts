import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createHttps, request } from "node:https";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { createFairLimit } from "../../../src/fair-limit.ts";
import {
	Connection,
	createConnections,
	type DeliveryTimes,
} from "../../../src/http/connection.ts";
import { IncomingRequest } from "../../../src/http/request.ts";
import { createSelfSigned } from "../../../src/tls/self-signed.ts";
import { recordingLog } from "../../support/agent.ts";
import { eventually } from "../../support/eventually.ts";

const { certificate, privateKey } = createSelfSigned({
	commonName: "test",
	names: ["127.0.0.1"],
	now: new Date(),
});

/** A server that does not serve yet. */
async function aServer(t: TestContext, { maxConnections = 10 } = {}) {
	let requests = 0;
	const server = createHttps(
		{ cert: certificate, key: privateKey },
		(_request, response) => {
			requests++;
			response.end("OK");
		},
	);
	const { log } = recordingLog();
	const connections = createConnections({
		server,
		access: { allows: () => true },
		maxConnections,
		waitMilliseconds: 1_000,
		handshakeMilliseconds: 1_000,
		idleMilliseconds: 1_000,
		times: { quiet: 10, slow: 1_000 },
		log,
	});
	const accepting = createServer({ pauseOnConnect: true }, connections.accept);
	accepting.listen(0, "127.0.0.1");
	await once(accepting, "listening");
	t.after(() => {
		connections.destroy();
		accepting.close();
	});
	const { port } = accepting.address() as AddressInfo;
	return { server, accepting, connections, port, requests: () => requests };
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

test("connections wait unread until serve() is called; later ones do not wait", async (t) => {
	const { accepting, connections, port, requests } = await aServer(t);
	const early = ask(port);
	await once(accepting, "connection");
	assert.equal(requests(), 0);
	connections.serve();
	assert.equal(await early, "OK");
	assert.equal(await ask(port), "OK");
	assert.equal(requests(), 2);
});

/**
 * Connections whose clients have begun their handshake. `serveAll` hands them over in one turn of
 * the event loop.
 */
async function manyHandshakes(
	t: TestContext,
	{ accepting, connections, port }: Awaited<ReturnType<typeof aServer>>,
	count: number,
) {
	const accepted: Socket[] = [];
	accepting
		.off("connection", connections.accept)
		.on("connection", (socket) => accepted.push(socket));
	const clients = Array.from({ length: count }, () =>
		connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false }),
	);
	t.after(() => {
		for (const client of clients) client.destroy();
	});
	// each sends its first message then
	await Promise.all(clients.map((client) => once(client, "connect")));
	await eventually("all are accepted", () => accepted.length === count);
	connections.serve();
	const serveAll = () => {
		for (const socket of accepted) connections.accept(socket);
	};
	return { accepted, clients, serveAll };
}

test("begins few handshakes in a turn of the event loop", async (t) => {
	const parts = await aServer(t, { maxConnections: 100 });
	const { clients, serveAll } = await manyHandshakes(t, parts, 24);
	const begun = new Map<number, number>();
	let turn = 0;
	parts.server.prependListener("connection", () =>
		begun.set(turn, (begun.get(turn) ?? 0) + 1),
	);
	const next = () => {
		turn++;
		counting = setImmediate(next);
	};
	let counting = setImmediate(next);
	t.after(() => clearImmediate(counting));
	serveAll();
	await Promise.all(clients.map((client) => once(client, "secureConnect")));
	const most = Math.max(...begun.values());
	assert.ok(most <= 4, `${most} in one turn`);
});

test("a connection that fails before its handshake begins harms nobody", async (t) => {
	const parts = await aServer(t, { maxConnections: 100 });
	const { accepted, clients, serveAll } = await manyHandshakes(t, parts, 24);
	// when half of the others have begun theirs
	let begun = 0;
	parts.server.prependListener("connection", () => {
		if (++begun !== 12) return;
		for (const socket of accepted.slice(-3))
			socket.destroy(new Error("a reset"));
	});
	const others = clients
		.slice(0, -3)
		.map((client) => once(client, "secureConnect"));
	const ends = clients.slice(-3).map((client) =>
		once(
			client.on("error", () => {}),
			"error",
		),
	);
	serveAll();
	await Promise.all([...others, ...ends]);
	assert.equal(parts.connections.open, 21);
});

test("connections that are never served do not keep the server open", async (t) => {
	const { accepting, connections, port } = await aServer(t);
	const socket = connect(port, "127.0.0.1").on("error", () => {});
	await once(accepting, "connection");
	const closed = new Promise((resolve) => accepting.close(resolve));
	connections.close();
	await closed;
	await once(socket, "close");
});

/** A connection after its handshake, and its socket, which a test ends. */
function secured(times: DeliveryTimes) {
	const socket = Object.assign(new EventEmitter(), {
		destroyed: false,
		readableEnded: false,
		writableEnded: false,
		writableLength: 0,
		destroy: () => {
			socket.destroyed = true;
		},
		end: () => {},
		/** How often the system asks whether the client is there, in milliseconds. */
		keepAlive: 0,
		setKeepAlive: (_isOn: boolean, milliseconds: number) => {
			socket.keepAlive = milliseconds;
		},
	});
	const peer = { remoteAddress: "192.0.2.7", remotePort: 1 };
	const connection = new Connection(peer, false, times);
	connection.secured(socket as unknown as TLSSocket);
	const begun: number[] = [];
	/** A request that arrives; `sent` ends it with its answer, `complete` is the answer on our side. */
	const arrive = (payload = "", delivered?: (isDelivered: boolean) => void) => {
		const response = Object.assign(new EventEmitter(), {
			writableEnded: false,
			writableFinished: false,
			headersSent: true,
			socket,
		});
		const index = begun.length;
		const incoming = new IncomingRequest({
			connection,
			raw: {
				method: "GET",
				url: "/",
				headers: {},
				complete: true,
			} as IncomingMessage,
			response: response as unknown as ServerResponse,
			memory: createFairLimit({ limit: 1_000_000 }),
			waitMilliseconds: 1_000,
			run: () => begun.push(index),
			tell: () => {},
		});
		connection.arrive(incoming);
		const complete = () => {
			incoming.answers({ status: 200, headers: {}, payload, delivered });
			response.writableEnded = true;
		};
		const sent = () => {
			complete();
			response.writableFinished = true;
			response.emit("close");
		};
		return { incoming, complete, sent };
	};
	return { connection, socket, begun, arrive };
}

test("the requests of a connection run one after the other", () => {
	const { connection, begun, arrive } = secured({ quiet: 10, slow: 1_000 });
	const first = arrive();
	const second = arrive();
	assert.equal(begun.length, 1);
	assert.equal(connection.current, first.incoming);
	first.sent();
	assert.equal(begun.length, 2);
	assert.equal(connection.current, second.incoming);
	second.sent();
	assert.equal(connection.current, undefined);
});

test("disconnects a client that sends hundreds of requests ahead", () => {
	const { socket, arrive } = secured({ quiet: 10, slow: 1_000 });
	for (let n = 0; n < 100; n++) arrive();
	assert.equal(socket.destroyed, false);
	arrive();
	assert.equal(socket.destroyed, true);
});

test("disconnects a client that does not read its answer, but not before its time", () => {
	const { connection, socket, arrive } = secured({ quiet: 10, slow: 1_000 });
	const { complete } = arrive();
	connection.sweep(performance.now() + 60_000);
	assert.equal(socket.destroyed, false, "it is not complete");
	complete();
	connection.sweep(performance.now() + 900);
	assert.equal(socket.destroyed, false);
	connection.sweep(performance.now() + 1_100);
	assert.equal(socket.destroyed, true);
});

test("asks whether a client that has closed its side is there, while it waits for an answer", () => {
	const idle = secured({ quiet: 10, slow: 1_000 });
	idle.socket.emit("end");
	assert.equal(idle.socket.keepAlive, 0);
	const { socket, arrive } = secured({ quiet: 10, slow: 1_000 });
	arrive();
	assert.equal(socket.keepAlive, 0);
	socket.emit("end");
	assert.equal(socket.keepAlive, 10_000);
});

test("a client has more time for a large answer", () => {
	const { connection, socket, arrive } = secured({ quiet: 10, slow: 1_000 });
	arrive("x".repeat(256_000)).complete();
	connection.sweep(performance.now() + 1_900);
	assert.equal(socket.destroyed, false);
	connection.sweep(performance.now() + 2_100);
	assert.equal(socket.destroyed, true);
});

test("settles delivery once, whatever comes after", async () => {
	for (const [how, end, expected] of [
		["the next request", ({ arrive }) => void arrive(), true],
		["an orderly end", ({ socket }) => void socket.emit("end"), true],
		["nothing", () => setTimeout(40), true],
		["a reset", ({ socket }) => void socket.emit("error", new Error()), false],
		["a close", ({ socket }) => void socket.emit("close"), false],
	] as [string, (parts: ReturnType<typeof secured>) => unknown, boolean][]) {
		const parts = secured({ quiet: 20, slow: 1_000 });
		const heard: boolean[] = [];
		parts.arrive("x", (isDelivered) => heard.push(isDelivered)).sent();
		assert.deepEqual(heard, [], how);
		await end(parts);
		parts.socket.emit("close");
		await setTimeout(40);
		assert.deepEqual(heard, [expected], how);
	}
});

test("a client that closed its side before the answer may have vanished", () => {
	const { socket, arrive } = secured({ quiet: 20, slow: 1_000 });
	const heard: boolean[] = [];
	const { sent } = arrive("x", (isDelivered) => heard.push(isDelivered));
	socket.readableEnded = true;
	socket.emit("end");
	sent();
	assert.deepEqual(heard, [false]);
});

for (const [isDelivered, writableLength] of [
	[true, 0],
	[false, 1],
] as const)
	test(`a client that closed its side when ${writableLength} bytes of the answer were left has ${isDelivered ? "" : "perhaps not "}got it`, () => {
		const { socket, arrive } = secured({ quiet: 20, slow: 1_000 });
		const heard: boolean[] = [];
		const { complete, sent } = arrive("x", (value) => heard.push(value));
		complete();
		Object.assign(socket, { writableLength, readableEnded: true });
		socket.emit("end");
		assert.deepEqual(heard, []);
		sent();
		assert.deepEqual(heard, [isDelivered]);
	});

test("an answer is not delivered if its connection ended before it was sent", () => {
	const { socket, arrive } = secured({ quiet: 20, slow: 1_000 });
	const heard: boolean[] = [];
	arrive("x", (isDelivered) => heard.push(isDelivered)).complete();
	socket.emit("close");
	assert.deepEqual(heard, [false]);
});
