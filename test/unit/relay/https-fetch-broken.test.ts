import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { RelayError } from "../../../src/protocol/relay-error.ts";
import { eventually } from "../../support/eventually.ts";
import { createFetching } from "../../support/fetching.ts";
import { freePort } from "../../support/free-port.ts";
import {
	type Arrived,
	answering,
	json,
	listening,
} from "../../support/next-hop.ts";

type Response = Parameters<Parameters<typeof answering>[1]>[0];

/** Writes directly to the connection of an answer, bypassing HTTP. */
const raw = (text: string) => (response: Response) =>
	response.socket?.end(text);

const hello = "HTTP/1.1 200 OK\r\n";

describe("a hop that does not answer properly is named in one line if it", () => {
	for (const [kind, answer, reason] of [
		["closes", raw(""), /closed|reset|hang up/],
		["resets", (r: Response) => r.socket?.destroy(), /closed|reset|hang up/],
		["talks garbage", raw("SSH-2.0-OpenSSH_9.6\r\n\r\n"), /is not HTTP/],
		["has a broken header", raw(`${hello}a b\r\n\r\n`), /is not HTTP/],
		[
			"has two lengths",
			raw(`${hello}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`),
			/is not HTTP/,
		],
		[
			"has endless headers",
			raw(`${hello}a: ${"b".repeat(100_000)}\r\n\r\n`),
			/is not HTTP/,
		],
		[
			"wants to speak another protocol",
			raw(
				"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
			),
			/answered with status 101/,
		],
		[
			"sends early hints without end",
			raw("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000)),
			/more than 32 answers with a status below 200/,
		],
		[
			"sends 100 Continue without end",
			raw("HTTP/1.1 100 Continue\r\n\r\n".repeat(1000)),
			/answered with status 100/,
		],
		["breaks off its headers", raw(`${hello}Content-`), /closed|reset|hang up/],
		[
			"breaks off its body",
			raw(`${hello}Content-Length: 9\r\n\r\n{`),
			/reset before the answer was complete|aborted/,
		],
		[
			"breaks off a chunk",
			raw(`${hello}Transfer-Encoding: chunked\r\n\r\n9\r\n{`),
			/reset before the answer was complete|aborted/,
		],
		[
			"has a broken chunk",
			raw(`${hello}Transfer-Encoding: chunked\r\n\r\nxyz\r\n{`),
			/is not HTTP/,
		],
		[
			"is over the limit",
			(r: Response) => r.end("x".repeat(5000)),
			/over 4096 bytes/,
		],
		[
			"says it is over the limit",
			raw(`${hello}Content-Length: 99999\r\n\r\n${"x".repeat(5000)}`),
			/over 4096 bytes/,
		],
	] as const)
		it(kind, async (t) => {
			const fetch = await createFetching(t, { maxBodyBytes: 4096 });
			const server = await answering(t, (response) => void answer(response));
			await assert.rejects(fetch(server.port), (error) => {
				t.diagnostic(String(error));
				assert.ok(error instanceof RelayError, String(error));
				assert.ok(!error.isTimeout);
				assert.doesNotMatch(error.message, /\n/);
				assert.ok(error.message.startsWith(`127.0.0.1:${server.port}: `));
				assert.match(error.message, reason);
				return true;
			});
			assert.equal(server.arrived.length, 1, "it was asked once");
		});

	const rejects = async (t: TestContext, port: number, reason: RegExp) => {
		const fetch = await createFetching(t);
		await assert.rejects(fetch(port), (error) => {
			assert.ok(error instanceof RelayError, String(error));
			assert.doesNotMatch(error.message, /\n/);
			assert.match(error.message, reason);
			return true;
		});
	};
	it("refuses", async (t) =>
		rejects(t, await freePort(), /^127\.0\.0\.1:\d+: connection refused$/));
	it("speaks HTTP without TLS", async (t) => {
		const plain = await listening(t, (socket) => {
			socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
		});
		await rejects(t, plain.port, /does not speak TLS on this port$/);
	});
	it("speaks something else without TLS", async (t) => {
		const plain = await listening(t, (socket) => {
			socket.end("220 mail.example.com ESMTP\r\n");
		});
		await rejects(t, plain.port, /does not speak TLS on this port$/);
	});
	it("closes in the handshake", async (t) => {
		const closing = await listening(t, (socket) => {
			socket.once("data", () => socket.end());
		});
		await rejects(t, closing.port, /closed|reset|hang up|disconnected/);
	});
	it("speaks only old TLS", async (t) => {
		const old = await answering(t, (response) => json(response, {}), {
			minVersion: "TLSv1",
			maxVersion: "TLSv1.1",
			ciphers: "DEFAULT@SECLEVEL=0",
		});
		await rejects(
			t,
			old.port,
			/^127\.0\.0\.1:\d+: .*(version|protocol|handshake)/i,
		);
		assert.equal(old.arrived.length, 0);
	});
});

describe("a hop that sends without end is disconnected", () => {
	for (const [what, start, piece, reason] of [
		["early hints", "", "HTTP/1.1 103 Early Hints\r\n\r\n", /more than 32/],
		[
			"a body",
			`${hello}Transfer-Encoding: chunked\r\n\r\n`,
			"8\r\n12345678\r\n",
			/over 4096 bytes/,
		],
	] as const)
		it(`while it sends ${what}`, async (t) => {
			const many = piece.repeat(4096);
			const hop = await answering(t, ({ socket }) => {
				const pour = () => {
					while (socket && !socket.destroyed && socket.write(many));
				};
				socket?.on("drain", pour).write(start);
				pour();
			});
			const fetch = await createFetching(t, { maxBodyBytes: 4096 });
			for (let n = 0; n < 8; n++)
				await assert.rejects(fetch(hop.port), { message: reason });
			await eventually("it is disconnected", () => hop.open() === 0);
		});
});

describe("a kept connection that has died", () => {
	/** Answers the first request of a connection, and treats others as the test says. */
	const once = (then: (response: Response, arrived: Arrived) => void) => {
		const served = new WeakSet<object>();
		return (response: Response, arrived: Arrived) => {
			const { socket } = response;
			assert.ok(socket);
			if (served.has(socket)) return then(response, arrived);
			served.add(socket);
			json(response, {});
		};
	};

	it("was closed in order: the next request uses a new one", async (t) => {
		const fetch = await createFetching(t);
		const server = await answering(t, (response) => {
			response.once("finish", () => response.socket?.end());
			json(response, {});
		});
		for (let n = 0; n < 20; n++)
			assert.equal((await fetch(server.port)).status, 200);
		assert.equal(server.arrived.length, 20);
	});

	it("was reset: its request uses a new one, once", async (t) => {
		const fetch = await createFetching(t);
		const server = await answering(t, (response) => json(response, {}));
		for (let n = 1; n <= 20; n++) {
			assert.equal((await fetch(server.port)).status, 200);
			// the pool has not noticed yet
			server.resetAll();
			assert.equal((await fetch(server.port)).status, 200);
			assert.equal(server.arrived.length, 2 * n);
			server.resetAll();
		}
	});

	it("was reset, and nothing listens any more: the error says so", async (t) => {
		const fetch = await createFetching(t);
		const server = await answering(t, (response) => json(response, {}));
		await fetch(server.port);
		const closed = server.close();
		await assert.rejects(fetch(server.port), /reset|connection refused/);
		await closed;
	});

	for (const [how, close] of [
		["ends", (response: Response) => response.socket?.end()],
		["is reset", (response: Response) => response.socket?.destroy()],
		["breaks its answer off", raw(`${hello}Content-Length: 9\r\n\r\n{`)],
	] as const)
		it(`${how} after reading a request, which is not sent again`, async (t) => {
			const fetch = await createFetching(t);
			const server = await answering(
				t,
				once((response) => void close(response)),
			);
			await fetch(server.port);
			await assert.rejects(fetch(server.port), RelayError);
			assert.equal(server.arrived.length, 2);
			assert.equal(server.accepted(), 1);
		});

	for (const [how, close] of [
		["ends", (response: Response) => response.socket?.end()],
		["is reset", (response: Response) => response.socket?.destroy()],
	] as const)
		it(`${how} after reading a request that may run twice: it is sent again, once`, async (t) => {
			const fetch = await createFetching(t);
			const server = await answering(
				t,
				once((response) => void close(response)),
			);
			for (let n = 1; n <= 3; n++) {
				const { status } = await fetch(server.port, { mayRunTwice: true });
				assert.equal(status, 200);
				// each but the first is sent over a kept connection, and then over a new one
				assert.equal(server.arrived.length, 2 * n - 1);
				assert.equal(server.accepted(), n);
			}
			const dying = await answering(t, (response, { path }) => {
				if (path === "/") json(response, {});
				else close(response);
			});
			await fetch(dying.port, { path: "/" });
			await assert.rejects(
				fetch(dying.port, { mayRunTwice: true }),
				(error) => error instanceof RelayError && !error.isUnsent,
			);
			assert.equal(dying.arrived.length, 3);
			// over a new connection, it is not sent again
			await assert.rejects(
				fetch(dying.port, { mayRunTwice: true }),
				RelayError,
			);
			assert.equal(dying.arrived.length, 4);
		});

	it("breaks its answer off: even what may run twice is not sent again", async (t) => {
		const fetch = await createFetching(t);
		for (const begun of ["H", `${hello}Content-Length: 9\r\n\r\n{`]) {
			const server = await answering(
				t,
				once((response) => void response.socket?.end(begun)),
			);
			await fetch(server.port);
			await assert.rejects(
				fetch(server.port, { mayRunTwice: true }),
				RelayError,
			);
			assert.equal(server.arrived.length, 2);
		}
	});
});
