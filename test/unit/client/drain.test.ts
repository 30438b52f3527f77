import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import {
	type AgentClient,
	AgentRefused,
	type DrainOptions,
	type Sample,
} from "../../../src/client/index.ts";
import { startTestAgent } from "../../support/agent.ts";
import { clientOf, unreachable } from "../../support/client.ts";
import { eventually } from "../../support/eventually.ts";
import { answering } from "../../support/next-hop.ts";
import { local } from "../../support/relaying.ts";

const sample = (n: number): Sample => ({
	hostname: `h${n}`,
	timestamp: n,
	metrics: { n },
});

/** A client of an agent with `count` samples, each of which arrived in another second. */
async function filled(
	t: TestContext,
	count: number,
	settings: Parameters<typeof startTestAgent>[1] = {},
	via = false,
) {
	const agent = await startTestAgent(t, settings);
	const bastions = via ? [local((await startTestAgent(t)).port)] : [];
	const client = clientOf(t, agent.port, { via: bastions });
	for (let n = 1; n <= count; n++) {
		await client.POST("/metric/append", { body: { metric_data: [sample(n)] } });
		// a batch has whole seconds, so the next sample must arrive in another second
		const second = Math.floor(Date.now() / 1000);
		if (n < count)
			await eventually(
				"the next second",
				() => Math.floor(Date.now() / 1000) > second,
			);
	}
	return client;
}

const left = async (client: AgentClient) =>
	(await client.POST("/metric/peek", { body: {} })).data?.metric_data?.map(
		({ timestamp }) => timestamp,
	) ?? [];

/** Drains everything, one second a batch. */
async function taken(client: AgentClient, options: DrainOptions = {}) {
	const found: number[] = [];
	for await (const { samples } of client.drainMetrics({ limit: 1, ...options }))
		found.push(...samples.map(({ timestamp }) => timestamp));
	return found;
}

describe("the drain", { concurrency: true }, () => {
	for (const via of [false, true])
		it(`takes batch after batch until nothing is left${via ? ", through a bastion" : ""}`, async (t) => {
			const client = await filled(t, 3, {}, via);
			assert.deepEqual(await taken(client), [1, 2, 3]);
			assert.deepEqual(await left(client), []);
			assert.deepEqual(await taken(client), []);
		});

	it("a batch has its samples, its id and the end of its lease", async (t) => {
		const client = await filled(t, 1);
		for await (const batch of client.drainMetrics({ leaseSeconds: 60 })) {
			assert.deepEqual(batch.samples, [sample(1)]);
			assert.match(batch.batchId, /./);
			const seconds = (batch.expiresAt.getTime() - Date.now()) / 1000;
			assert.ok(seconds > 50 && seconds <= 61, `${seconds}`);
		}
	});

	it("break: the last batch is not acknowledged, the ones before are", async (t) => {
		const client = await filled(t, 3);
		let count = 0;
		for await (const _ of client.drainMetrics({ limit: 1, leaseSeconds: 1 }))
			if (++count === 2) break;
		assert.deepEqual(await left(client), [2, 3]);
		// after its lease, the batch can be leased again
		await eventually(
			"the second batch is leased again",
			async () =>
				(await left(client)).length === 2 &&
				(await client.POST("/metric/lease", { body: { seconds: 1, limit: 1 } }))
					.data?.metric_data?.[0]?.timestamp === 2,
		);
	});

	it("an error: the batch is not acknowledged", async (t) => {
		const client = await filled(t, 2);
		await assert.rejects(async () => {
			for await (const _ of client.drainMetrics({ limit: 1 }))
				throw new Error("the database is full");
		}, /the database is full/);
		assert.deepEqual(await left(client), [1, 2]);
	});

	it("a loop that never ends: nothing is lost", async (t) => {
		const client = await filled(t, 2);
		const drain = client.drainMetrics({ limit: 1, leaseSeconds: 1 });
		await drain.next();
		// as after a crash of this process
		client.close();
		assert.deepEqual(await left(client), [1, 2]);
		const found: number[] = [];
		await eventually("both again", async () => {
			found.push(...(await taken(client)));
			return found.length === 2;
		});
		assert.deepEqual(found.sort(), [1, 2]);
	});

	it("ack(): may be called twice, and a break does not undo it", async (t) => {
		const client = await filled(t, 2);
		for await (const batch of client.drainMetrics({ limit: 1 })) {
			await Promise.all([batch.ack(), batch.ack()]);
			break;
		}
		assert.deepEqual(await left(client), [2]);
	});

	it("a signal: the current batch is acknowledged, then the reason is thrown", async (t) => {
		const client = await filled(t, 3);
		const controller = new AbortController();
		const { signal } = controller;
		const reason = new Error("stop");
		await assert.rejects(
			async () => {
				for await (const _ of client.drainMetrics({ limit: 1, signal }))
					controller.abort(reason);
			},
			(error) => error === reason,
		);
		assert.deepEqual(await left(client), [2, 3]);
		await assert.rejects(
			taken(client, { signal }),
			(error) => error === reason,
		);
	});

	it("each consumer takes everything", async (t) => {
		const consumers = { "metric-consumers": ["one", "two"] };
		const client = await filled(t, 2, consumers);
		assert.deepEqual(await taken(client, { consumer: "one" }), [1, 2]);
		assert.deepEqual(await taken(client, { consumer: "two" }), [1, 2]);
	});

	it("reports what the agent refused", async (t) => {
		const client = await filled(t, 0);
		await assert.rejects(taken(client, { consumer: "x" }), (error) => {
			assert.ok(error instanceof AgentRefused);
			assert.equal(error.status, 400);
			assert.match(
				error.message,
				/^127\.0\.0\.1:\d+: \/metric\/lease: 400: consumer: /,
			);
			return true;
		});
		const v1 = await answering(t, (r) =>
			r.writeHead(404).end("404 page not found\n"),
		);
		await assert.rejects(taken(clientOf(t, v1.port)), {
			name: "AgentRefused",
			message: /404: the agent is v1 \(Go\), which cannot lease metrics$/,
		});
	});

	it("a lost answer: the acknowledgement is retried, the lease is not", async (t) => {
		let asked = 0;
		const server = await answering(t, (response, { path }) => {
			asked++;
			if (path === "/metric/ack" && asked === 2)
				return void response.socket?.destroy();
			if (path === "/metric/lease" && asked > 3)
				return void response.socket?.destroy();
			response.end(
				JSON.stringify(
					path === "/metric/ack"
						? { status: "ok", message: "" }
						: { batch_id: "b", expires_at: 1, metric_data: [sample(1)] },
				),
			);
		});
		const found: unknown[] = [];
		const drain = async () => {
			for await (const { batchId } of clientOf(t, server.port).drainMetrics())
				found.push(batchId);
		};
		await unreachable(drain(), /reset|closed|hang up/);
		assert.deepEqual(found, ["b"]);
		assert.deepEqual(
			server.arrived.map(({ path }) => path),
			["/metric/lease", "/metric/ack", "/metric/ack", "/metric/lease"],
		);
	});
});
