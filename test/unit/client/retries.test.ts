import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { clientOf, unreachable } from "../../support/client.ts";
import { freePort } from "../../support/free-port.ts";
import {
	answering,
	createPair,
	json,
	listening,
} from "../../support/next-hop.ts";

/** An agent that closes the connection instead of answering the first requests. */
const dropping = (t: TestContext, requests: number) => {
	let left = requests;
	return answering(t, (response) => {
		if (left-- > 0) return void response.socket?.destroy();
		json(response, { batch_id: null, metric_data: null, message: "" });
	});
};

const body = { batch_id: "b", seconds: 1, plugin_name: "p", command: "c" };

describe("a call whose connection fails", () => {
	for (const [method, path] of [
		["GET", "/status"],
		["POST", "/metric/peek"],
		["POST", "/metric/ack"],
	] as const)
		it(`${method} ${path}: is retried twice`, async (t) => {
			const server = await dropping(t, 2);
			const client = clientOf(t, server.port);
			const { response } = await client.request(
				method.toLowerCase() as "post",
				path as "/metric/ack",
				method === "POST" ? { body } : ({} as never),
			);
			assert.equal(response.status, 200);
			assert.equal(server.arrived.length, 3);
		});

	it("fails after the last retry", async (t) => {
		const server = await dropping(t, 9);
		const client = clientOf(t, server.port, { retries: 1 });
		await unreachable(client.GET("/status"), /reset|closed|hang up/, {
			isUnsent: false,
		});
		assert.equal(server.arrived.length, 2);
	});

	for (const path of [
		"/monitor",
		"/inventory",
		"/metric",
		"/metric/lease",
		"/metric/append",
		"/metric/config/update",
	] as const)
		it(`POST ${path}: is not retried after it was sent`, async (t) => {
			const server = await dropping(t, 1);
			const client = clientOf(t, server.port);
			await unreachable(
				client.POST(path as "/monitor", { body }),
				/reset|closed|hang up/,
				{ isUnsent: false },
			);
			assert.equal(server.arrived.length, 1);
		});

	it("POST /monitor: is retried if nothing was sent", async (t) => {
		const port = await freePort();
		const client = clientOf(t, port);
		const asked = client.POST("/monitor", { body });
		setTimeout(async () => {
			const pair = createPair();
			const { createServer } = await import("node:https");
			const server = createServer(
				{ cert: pair.certificate, key: pair.privateKey },
				(request, response) => {
					request.resume();
					json(response, { return_value: 0, message: "late" });
				},
			).listen(port, "127.0.0.1");
			t.after(() => {
				server.closeAllConnections();
				server.close();
			});
		}, 100);
		assert.equal((await asked).data?.message, "late");
	});

	it("a failed handshake: nothing was sent", async (t) => {
		const server = await listening(t, (socket) => {
			socket.once("data", () => socket.destroy());
		});
		const client = clientOf(t, server.port);
		await unreachable(client.POST("/monitor", { body }), /./, {
			isUnsent: true,
		});
		assert.equal(server.accepted(), 3);
	});

	it("a dead persistent connection: the call is made once", async (t) => {
		const server = await answering(t, (r) => json(r, { return_value: 0 }));
		const client = clientOf(t, server.port, { retries: 0 });
		for (let n = 1; n <= 3; n++) {
			assert.equal((await client.POST("/monitor", { body })).error, undefined);
			server.resetAll();
			assert.equal(server.arrived.length, n);
		}
	});

	for (const [path, times] of [
		["/monitor", 3],
		["/inventory", 2],
		["/metric", 2],
		["/metric/lease", 2],
		["/metric/append", 2],
		["/metric/config/update", 2],
	] as const)
		it(`POST ${path}: a persistent connection ends after it was sent; it is sent ${times - 1} times`, async (t) => {
			let arrived = 0;
			const server = await answering(t, (response) => {
				if (++arrived === 2) response.socket?.destroy();
				else json(response, { return_value: 0, message: "" });
			});
			const client = clientOf(t, server.port, { retries: 0 });
			await client.GET("/status");
			const asked = client.POST(path as "/monitor", { body });
			if (times === 3) await asked;
			else await unreachable(asked, /reset|hang up/, { isUnsent: false });
			assert.equal(server.arrived.length, times);
		});

	it("an answer is never retried", async (t) => {
		const server = await answering(t, (r) => json(r, {}, 503));
		const { response } = await clientOf(t, server.port).GET("/status");
		assert.equal(response.status, 503);
		assert.equal(server.arrived.length, 1);
	});

	it("no attempt begins after the time limit", async (t) => {
		const port = await freePort();
		const client = clientOf(t, port, {
			timeoutMilliseconds: 500,
			retries: 100,
		});
		const begun = performance.now();
		await unreachable(client.GET("/"), /connection refused/);
		assert.ok(performance.now() - begun < 700);
	});

	it("a signal ends the wait for the next retry", async (t) => {
		const client = clientOf(t, await freePort(), { retries: 100 });
		const signal = AbortSignal.timeout(300);
		await assert.rejects(client.GET("/", { signal }), { name: "TimeoutError" });
	});
});
