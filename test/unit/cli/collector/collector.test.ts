import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { CallFailure } from "../../../../cli/collector/agent-calls.ts";
import type { DueQueue } from "../../../../cli/collector/queue.ts";
import { TargetClosed } from "../../../../cli/collector/write/target.ts";
import type { AgentClient } from "../../../../src/client/index.ts";
import { startTestAgent } from "../../../support/agent.ts";
import { clientOf } from "../../../support/client.ts";
import {
	durableAtOnce,
	startCollector,
	type TestTarget,
	timesIn,
} from "../../../support/collector.ts";
import { eventually as within } from "../../../support/eventually.ts";
import { answering, json, listening } from "../../../support/next-hop.ts";
import { local } from "../../../support/relaying.ts";

/** Waits for a condition, also on a machine that has much to do. */
const eventually = (what: string, holds: () => boolean | Promise<boolean>) =>
	within(what, holds, 60_000);

const now = () => Math.floor(Date.now() / 1000);

/** Stores samples with these timestamps, each with one value. */
const store = async (client: AgentClient, ...timestamps: number[]) => {
	const { response } = await client.POST("/metric/append", {
		body: {
			metric_data: timestamps.map((timestamp) => ({
				hostname: "web",
				timestamp,
				metrics: { "load.one": timestamp },
			})),
		},
	});
	assert.equal(response.status, 200);
};

/** An agent, a client of it and what it still has. */
async function agentWith(
	t: TestContext,
	timestamps: readonly number[],
	settings: Parameters<typeof startTestAgent>[1] = {},
) {
	const agent = await startTestAgent(t, settings);
	const client = clientOf(t, agent.port);
	if (timestamps.length > 0) await store(client, ...timestamps);
	const left = async (consumer = "default") =>
		(
			await client.POST("/metric/peek", { body: { consumer } })
		).data?.metric_data?.map(({ timestamp }) => timestamp) ?? [];
	return { place: local(agent.port), client, left, agent };
}

const target = (targets: Record<string, TestTarget>, name = "default") =>
	targets[name] as TestTarget;

describe("the collector", { concurrency: true }, () => {
	it("writes what agents have stored, also behind bastions, and acknowledges it", async (t) => {
		const direct = await agentWith(t, [now()]);
		const behind = await agentWith(t, [now() - 1]);
		const bastion = await agentWith(t, []);
		const { targets, collector } = startCollector(t, [
			{ targets: [direct.place], labels: { env: "prod" } },
			{ targets: [behind.place], labels: { __via__: bastion.place } },
		]);
		await eventually("both are acknowledged", async () => {
			const left = [await direct.left(), await behind.left()];
			return left.every(({ length }) => length === 0);
		});
		const { batches } = target(targets);
		assert.deepEqual(
			batches
				.map(({ host, labels, metrics }) => ({
					host,
					labels,
					names: Object.keys(metrics.metric_data?.[0]?.metrics ?? {}),
				}))
				.toSorted((a, b) => (a.labels.env ? -1 : 1) - (b.labels.env ? -1 : 1)),
			[
				{
					host: direct.place,
					labels: { env: "prod" },
					names: ["load.one"],
				},
				{ host: behind.place, labels: {}, names: ["load.one"] },
			],
		);
		await store(direct.client, now());
		await eventually("a later sample", () => batches.length === 3);
		const { targets: states, hosts } = collector.status();
		assert.equal(states[0]?.batches_again, 0);
		assert.deepEqual([hosts.all, hosts.answering], [2, 2]);
	});

	it("a lease that ran out brings the same batch under its id, and a late acknowledgement deletes nothing else", async (t) => {
		const first = now();
		const { client } = await agentWith(t, [first]);
		const lease = async () => {
			const { data } = await client.POST("/metric/lease", {
				body: { seconds: 1 },
			});
			return data;
		};
		const one = await lease();
		await store(client, first + 1);
		let again: typeof one;
		await eventually("the lease has ended", async () => {
			again = await lease();
			return again?.metric_data?.some((s) => s.timestamp === first) ?? false;
		});
		assert.equal(again?.batch_id, one?.batch_id);
		assert.deepEqual(again?.metric_data, one?.metric_data);
		// the first one is late, and acknowledges what the second one holds now
		const ack = { body: { batch_id: one?.batch_id ?? "" } };
		assert.equal((await client.POST("/metric/ack", ack)).response.status, 200);
		assert.equal((await client.POST("/metric/ack", ack)).response.status, 200);
		const { data } = await client.POST("/metric/peek", { body: {} });
		assert.deepEqual(
			data?.metric_data?.map(({ timestamp }) => timestamp),
			[first + 1],
		);
	});

	it("acknowledges nothing before it is durable, and does not write it twice", async (t) => {
		const { place, left } = await agentWith(t, [now()]);
		let durable = () => {};
		const { targets, collector } = startCollector(t, [{ targets: [place] }], {
			leaseSeconds: 1,
		});
		target(targets).outcome = async () => ({
			...(await durableAtOnce()),
			durable: new Promise((resolve) => {
				durable = resolve;
			}),
		});
		await eventually(
			"the same batch has come again",
			() => (collector.status().targets[0]?.batches_again ?? 0) > 0,
		);
		assert.equal(target(targets).batches.length, 1);
		assert.equal((await left()).length, 1);
		durable();
		await eventually("acknowledged", async () => (await left()).length === 0);
	});

	it("what could not be written comes again", async (t) => {
		const { place, left } = await agentWith(t, [now()]);
		const { targets, lines } = startCollector(t, [{ targets: [place] }], {
			leaseSeconds: 1,
		});
		target(targets).outcome = async () => {
			target(targets).outcome = durableAtOnce;
			throw new Error("the file is full");
		};
		await eventually("acknowledged", async () => (await left()).length === 0);
		assert.equal(target(targets).batches.length, 2);
		assert.deepEqual(
			lines.filter((line) => line.includes("could not")),
			[
				`error consumer default: a batch of ${place} could not be written: the file is full`,
			],
		);
	});

	it("a target without room leases nothing, and holds back no other", async (t) => {
		const { place, left } = await agentWith(t, [now()], {
			"metric-consumers": ["default", "second"],
		});
		const { targets, collector } = startCollector(t, [{ targets: [place] }], {
			consumers: ["default", "second"],
		});
		target(targets).hasRoom = false;
		await eventually(
			"the second has it",
			async () => (await left("second")).length === 0,
		);
		assert.equal(target(targets).batches.length, 0);
		assert.equal((await left("default")).length, 1);
		assert.ok((collector.status().targets[0]?.leases_left_out ?? 0) > 0);
		target(targets).hasRoom = true;
		await eventually("the first, too", async () => (await left()).length === 0);
	});

	it("names a missing consumer and its setting; the other consumer goes on", async (t) => {
		const { place, left } = await agentWith(t, [now()]);
		const { lines, collector } = startCollector(t, [{ targets: [place] }], {
			consumers: ["fleet", "default"],
		});
		await eventually("the other is acknowledged", async () => {
			const { failed } = collector.status().passes;
			return (await left()).length === 0 && failed.consumer > 1;
		});
		// once, however many passes fail
		assert.deepEqual(lines, [
			`warning host ${place}: consumer: not one of metric-consumers: fleet (400): add it to the agent's setting metric-consumers reason=consumer`,
		]);
		assert.equal(collector.status().hosts.failing.consumer, 1);
		assert.equal(collector.status().failing[0]?.host, place);
	});

	it("dead and silent hosts delay no other", async (t) => {
		const { place, client } = await agentWith(t, []);
		const dead = await listening(t, () => {});
		await dead.close();
		const silent: string[] = [];
		for (let count = 0; count < 12; count++)
			silent.push(local((await listening(t, () => {})).port));
		const { targets, collector, lines } = startCollector(
			t,
			[{ targets: [...silent, local(dead.port), place] }],
			{
				// longer than the test
				timeoutMilliseconds: 100_000,
				limits: { all: 2, each: 2, allSlow: 2, eachSlow: 1 },
			},
		);
		for (const at of [1, 2, 3, 4]) {
			const before = target(targets).batches.length;
			await store(client, now());
			await eventually(
				`sample ${at}`,
				() => target(targets).batches.length > before,
			);
		}
		await eventually("the dead one has failed, and others are late", () => {
			const { failed, late } = collector.status().passes;
			return failed.unreachable >= 1 && late > 0;
		});
		assert.deepEqual(
			lines.map((line) => line.replace(/127\S+ /, "")),
			["warning host connection refused reason=unreachable"],
		);
		// each of the silent ones holds its own place and nobody else's
		const { passes, hosts } = collector.status();
		assert.equal(hosts.answering, 1);
		assert.ok(passes.running + passes.waiting >= silent.length, `${passes}`);
	});

	it("logs a host's change of state, once for each", async (t) => {
		let status = 503;
		const stub = await answering(t, (response) => {
			if (status === 200)
				json(response, {
					...{ batch_id: null, expires_at: null, seconds: null },
					...{ metric_data: null, message: "" },
				});
			else json(response, { type: "about:blank", detail: "not now" }, status);
		});
		const { lines, collector } = startCollector(t, [
			{ targets: [local(stub.port)] },
		]);
		const failed = () => collector.status().passes.failed.invalid;
		await eventually("three failures", () => failed() >= 3);
		status = 200;
		await eventually(
			"an answer",
			() => collector.status().passes.succeeded > 1,
		);
		status = 503;
		const before = failed();
		await eventually("two more", () => failed() >= before + 2);
		const place = local(stub.port);
		assert.deepEqual(
			lines.map((line) => line.replace(/after \d+ s/, "after N s")),
			[
				`warning host ${place}: not now (503) reason=invalid`,
				`info host ${place}: works again after N s`,
				`warning host ${place}: not now (503) reason=invalid`,
			],
		);
	});

	it("answers that do not fit cost their host a pass", async (t) => {
		const good = {
			...{ batch_id: "b", expires_at: 1, seconds: 60, message: "" },
			metric_data: [{ hostname: "h", timestamp: 1, metrics: { x: 1 } }],
		};
		for (const [body, reason] of [
			["{", /not JSON/],
			["null", /the body: missing/],
			[JSON.stringify({ ...good, batch_id: "x".repeat(300) }), /300 char/],
			[JSON.stringify({ ...good, batch_id: "" }), /batch_id has 0/],
			[JSON.stringify({ ...good, metric_data: [7] }), /metric_data\[0\]/],
			[
				JSON.stringify({
					...good,
					metric_data: [{ hostname: "h", timestamp: 1, metrics: { x: "1" } }],
				}),
				/metrics\.x: a string, not a number/,
			],
		] as const) {
			const stub = await answering(t, (response) => {
				response
					.writeHead(200, { "content-type": "application/json" })
					.end(body);
			});
			const { lines, targets, stop } = startCollector(t, [
				{ targets: [local(stub.port)] },
			]);
			await eventually(`a line: ${reason}`, () => lines.length > 0);
			await stop();
			assert.match(lines[0] ?? "", reason);
			assert.equal(target(targets).batches.length, 0);
			await stub.close();
		}
	});

	it("an agent that always has more cannot hold the collector", async (t) => {
		let id = 0;
		const stub = await answering(t, (response, { path }) => {
			if (path === "/metric/ack") return json(response, { detail: "no" }, 403);
			json(response, {
				...{ batch_id: `b${id++}`, expires_at: 1, seconds: 60, message: "" },
				metric_data: [{ hostname: "h", timestamp: 1, metrics: { x: 1 } }],
			});
		});
		const { collector, targets } = startCollector(t, [
			{ targets: [local(stub.port)] },
		]);
		await eventually(
			"eight passes",
			() => collector.status().passes.failed.refused >= 8,
		);
		assert.equal(target(targets).batches.length, 64);
	});

	it("v1 (Go) is named and skipped, or drained", async (t) => {
		const drains: string[] = [];
		const stub = await answering(t, (response, { path }) => {
			drains.push(path);
			if (path !== "/metric")
				return response
					.writeHead(404, { "content-type": "text/plain" })
					.end("404 page not found\n");
			json(response, {
				metric_data: [{ hostname: "h", timestamp: 7, metrics: { x: 1 } }],
				message: "",
			});
		});
		const list = [{ targets: [local(stub.port)] }];
		const skipping = startCollector(t, list);
		await eventually("a line", () => skipping.lines.length > 0);
		await skipping.stop();
		assert.match(
			skipping.lines[0] ?? "",
			/it has no leases: it is v1 \(Go\), or no agent; see --v1-drain reason=v1$/,
		);
		assert.ok(!drains.includes("/metric"));
		const { targets, lines } = startCollector(t, list, { drainsV1: true });
		await eventually("three drains", () => target(targets).batches.length >= 3);
		assert.deepEqual(timesIn(target(targets)).slice(0, 2), [7, 7]);
		// it asks for a lease only now and then
		const after = drains.lastIndexOf("/metric/lease");
		assert.ok(drains.slice(after).filter((p) => p === "/metric").length >= 3);
		assert.deepEqual(lines, []);
		// what no target can take stays at the agent
		target(targets).hasRoom = false;
		await eventually("no drain for a while", async () => {
			const { length } = drains;
			await new Promise((resolve) => setTimeout(resolve, 500));
			return drains.length === length;
		});
	});

	it("says once that an agent grants shorter leases", async (t) => {
		const { place } = await agentWith(t, [now()], {
			"metric-max-lease-seconds": 30,
		});
		const { lines, collector } = startCollector(t, [{ targets: [place] }]);
		await eventually("a line", () => lines.length > 0);
		assert.deepEqual(lines, [
			`warning host ${place}: grants leases of 30 s and not 60 s: raise its setting metric-max-lease-seconds, or batches are sent more than once`,
		]);
		assert.equal(collector.status().short_leases, 1);
	});

	it("a host that leaves the list is acknowledged and forgotten", async (t) => {
		const { place, left } = await agentWith(t, [now()]);
		let durable = () => {};
		const { targets, setHosts, collector } = startCollector(t, [
			{ targets: [place] },
		]);
		target(targets).outcome = async () => ({
			...(await durableAtOnce()),
			durable: new Promise((resolve) => {
				durable = resolve;
			}),
		});
		await eventually("leased", () => target(targets).batches.length === 1);
		setHosts([]);
		assert.equal(collector.status().hosts.leaving, 1);
		assert.equal(collector.status().hosts.all, 0);
		durable();
		await eventually("acknowledged", async () => (await left()).length === 0);
		setHosts([]);
		assert.equal(collector.status().hosts.leaving, 0);
		assert.deepEqual(target(targets).forgotten, [place]);
	});

	it("a host that leaves the list is forgotten without another list, also if it never answers again", async (t) => {
		const gone = await answering(t, (response, { path }) => {
			if (path === "/metric/ack") return json(response, { detail: "no" }, 503);
			json(response, {
				...{ batch_id: "b", expires_at: 1, seconds: 1, message: "" },
				metric_data: [{ hostname: "h", timestamp: now(), metrics: { x: 1 } }],
			});
		});
		const { place, left } = await agentWith(t, [now()]);
		const { targets, setHosts, collector } = startCollector(
			t,
			[{ targets: [place, local(gone.port)] }],
			{ leaseSeconds: 1 },
		);
		await eventually("both are leased", () => {
			const hosts = target(targets).batches.map(({ host }) => host);
			return new Set(hosts).size === 2;
		});
		setHosts([]);
		await eventually(
			"both are forgotten",
			() => collector.status().hosts.leaving === 0,
		);
		assert.deepEqual(await left(), []);
		assert.deepEqual(
			target(targets).forgotten.toSorted(),
			[place, local(gone.port)].toSorted(),
		);
	});

	it("what a failing host holds does not look like a store that is behind", async (t) => {
		const failing = await answering(t, (response, { path }) => {
			if (path === "/metric/ack") return json(response, { detail: "no" }, 503);
			json(response, {
				...{ batch_id: "b", expires_at: 1, seconds: 60, message: "" },
				metric_data: [{ hostname: "h", timestamp: now(), metrics: { x: 1 } }],
			});
		});
		const { place } = await agentWith(t, [now()]);
		const failingTarget = { targets: [local(failing.port)] };
		const { targets, setHosts, collector } = startCollector(t, [failingTarget]);
		const oldest = () =>
			collector.status().targets[0]?.oldest_unacknowledged_seconds ?? 0;
		await eventually(
			"it fails for two seconds",
			() => (collector.status().failing[0]?.seconds ?? 0) >= 2,
		);
		assert.equal(oldest(), 0);
		target(targets).outcome = async () => ({
			...(await durableAtOnce()),
			durable: new Promise(() => {}),
		});
		setHosts([failingTarget, { targets: [place] }]);
		await eventually("the store is behind", () => oldest() > 0);
	});

	it("with a queue it asks whom the queue names, and acknowledges without waiting for the next pass", async (t) => {
		const { place, left, client } = await agentWith(t, [now()]);
		const other = await agentWith(t, [now()]);
		const published: string[] = [];
		let take: (key: string) => Promise<void> = async () => {};
		const queue: DueQueue = {
			start: (worker) => {
				take = worker.take;
			},
			publish: (key, number) => published.push(`${number} ${key}`),
			stop: () => {},
			close: async () => {},
			figures: () => ({
				...{ isConnected: true, published: 0, duplicates: 0, failed: 0 },
				...{ taken: 0, again: 0 },
			}),
		};
		const { collector, targets } = startCollector(
			t,
			[{ targets: [place, other.place] }],
			{ queue },
		);
		await eventually("each is published", () => published.length >= 6);
		// each with the number of its interval, in order
		const numbers = published
			.filter((line) => line.endsWith(place))
			.map((line) => Number(line.split(" ")[0]));
		assert.deepEqual(
			numbers,
			numbers.toSorted((a, b) => a - b),
		);
		assert.equal(new Set(numbers).size, numbers.length);
		assert.equal(collector.status().passes.due, 0);
		assert.equal((await left()).length, 1);

		// more often than there is a pass: each is told when the pass ends
		await Promise.all(
			Array.from({ length: 20_000 }, () => take(place)).concat(
				take("nowhere:6777"),
			),
		);
		await eventually("acknowledged", async () => (await left()).length === 0);
		assert.equal((await other.left()).length, 1);
		assert.equal(timesIn(target(targets), place).length, 1);
		await store(client, now());
		await take(place);
		await eventually("again", async () => (await left()).length === 0);
	});

	it("asks a host that became due while it only acknowledged", async (t) => {
		const { place, left, client } = await agentWith(t, [now()]);
		let take: (key: string) => Promise<void> = async () => {};
		const queue: DueQueue = {
			start: (worker) => {
				take = worker.take;
			},
			publish: () => {},
			stop: () => {},
			close: async () => {},
			figures: () => ({
				...{ isConnected: true, published: 0, duplicates: 0, failed: 0 },
				...{ taken: 0, again: 0 },
			}),
		};
		const { collector, targets } = startCollector(t, [{ targets: [place] }], {
			queue,
		});
		let durable = () => {};
		target(targets).outcome = async () => ({
			...(await durableAtOnce()),
			durable: new Promise((resolve) => {
				durable = resolve;
			}),
		});
		await take(place);
		await store(client, now() - 1);
		// an acknowledging pass begins at once, and the message comes during it
		durable();
		await eventually("it runs", () => collector.status().passes.running > 0);
		await take(place);
		assert.equal(timesIn(target(targets), place).length, 2);
		durable();
		await eventually("acknowledged", async () => (await left()).length === 0);
	});

	it("leases no more of a host whose batches wait for the store", async (t) => {
		const large = await answering(t, (response, { path }) => {
			if (path === "/metric/ack")
				return json(response, { status: "OK", message: "" });
			json(response, {
				...{ batch_id: String(Math.random()), expires_at: 1, seconds: 60 },
				message: "x".repeat(300_000),
				metric_data: [{ hostname: "h", timestamp: 1_000, metrics: { x: 1 } }],
			});
		});
		const { targets, collector } = startCollector(t, [
			{ targets: [local(large.port)] },
		]);
		let written = () => {};
		const waits = new Promise<void>((resolve) => {
			written = resolve;
		});
		target(targets).outcome = async () => {
			await waits;
			return durableAtOnce();
		};
		await eventually(
			"it is left out",
			() => (collector.status().targets[0]?.leases_left_out ?? 0) > 3,
		);
		assert.equal(target(targets).batches.length, 2);
		written();
		await eventually("more", () => target(targets).batches.length > 4);
	});

	it("says once that a host is away, whether it is unreachable or too late", async (t) => {
		let calls = 0;
		const failing = async () => {
			throw calls++ % 2 === 0
				? new CallFailure("timeout", "no answer within 1 s")
				: new CallFailure("unreachable", "connect ETIMEDOUT");
		};
		const { lines, collector } = startCollector(t, [{ targets: ["web01"] }], {
			calls: { lease: failing, acknowledge: failing, drain: failing },
		});
		await eventually("several passes", () => calls > 4);
		assert.deepEqual(lines, [
			"warning host web01:6777: no answer within 1 s reason=timeout",
		]);
		const { failing: counted } = collector.status().hosts;
		assert.equal(counted.timeout + counted.unreachable, 1);
	});

	it("stops: acknowledges what is durable and leaves the rest leased", async (t) => {
		const done = await agentWith(t, [now()]);
		const held = await agentWith(t, [now()]);
		const { targets, stop } = startCollector(t, [
			{ targets: [done.place, held.place] },
		]);
		let finish = () => {};
		target(targets).outcome = async ({ host }) => ({
			...(await durableAtOnce()),
			durable:
				host === done.place
					? new Promise((resolve) => {
							finish = resolve;
						})
					: new Promise((_, reject) => {
							t.after(() => reject(new TargetClosed("closed")));
						}),
		});
		await eventually("both leased", () => target(targets).batches.length === 2);
		finish();
		await stop();
		assert.deepEqual(await done.left(), []);
		assert.equal((await held.left()).length, 1);
		const { data } = await held.client.GET("/metric/leases");
		assert.equal(data?.leases.length, 1);
	});
});
