import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createExchange } from "../../../src/client/exchange.ts";
import { openTcp } from "../../../src/relay/connect.ts";
import {
	type Connection,
	createConnections,
} from "../../../src/relay/connections.ts";
import { eventually } from "../../support/eventually.ts";
import { createFetching, loopback } from "../../support/fetching.ts";
import { answering, json, listening } from "../../support/next-hop.ts";

/** A pool of one connection at a time to a server; `take` resolves when the request has one. */
async function poolOfOne(t: TestContext) {
	const server = await listening(t, () => {});
	const pool = createConnections(1);
	t.after(() => pool.close());
	const open = openTcp(loopback(server.port));
	const take = (isNew: boolean) =>
		new Promise<Connection>((resolve, reject) => {
			pool.take(
				"hop",
				open,
				{ opening() {}, connected: resolve, failed: reject },
				{ isNew },
			);
		});
	return {
		take,
		give: (one: Connection) => pool.give("hop", one),
		forget: () => pool.forget("hop"),
	};
}

test("a request that waits gets the connection that is given back", async (t) => {
	const { take, give } = await poolOfOne(t);
	const first = await take(false);
	const next = take(false);
	give(first);
	assert.equal(await next, first);
});

test("a request that waits for a new connection gets no kept one", async (t) => {
	const { take, give } = await poolOfOne(t);
	const first = await take(false);
	const next = take(true);
	give(first);
	const second = await next;
	assert.notEqual(second, first);
	assert.equal(second.isKept, false);
	assert.equal(first.isDead, true);
});

/** A server that answers at once. */
const hop = (t: TestContext) => answering(t, (response) => json(response, {}));

test("over the limit, the connections that are already kept stay", async (t) => {
	const hops = [await hop(t), await hop(t), await hop(t)];
	const fetch = await createFetching(t, { kept: { maxIdleOfAll: 2 } });
	for (let round = 0; round < 3; round++)
		for (const { port } of hops) await fetch(port);
	await eventually("two are open", () => {
		const open = hops.map((each) => each.open());
		return open.reduce((sum, count) => sum + count) === 2;
	});
	// with the one used longest ago closed instead, none would ever be used again
	const accepted = hops.map((each) => each.accepted());
	assert.equal(
		accepted.reduce((sum, count) => sum + count),
		5,
		`${accepted}`,
	);
});

test("an idle connection is closed after its time", async (t) => {
	const one = await hop(t);
	const fetch = await createFetching(t, { kept: { idleMilliseconds: 1_000 } });
	await fetch(one.port);
	assert.equal(one.open(), 1);
	await eventually("closed", () => one.open() === 0);
});

test("connections to a hop that is verified in another way now are closed", async (t) => {
	const [one, other] = [await hop(t), await hop(t)];
	const exchange = createExchange({
		trust: "unverified",
		pin: () => undefined,
		maxAnswerBytes: 1_000,
		maxRequests: undefined,
	});
	t.after(() => exchange.close());
	const post = (port: number) =>
		exchange.post({
			to: loopback(port),
			path: "/metric/ack",
			body: Buffer.from("{}"),
			timeoutMilliseconds: 5_000,
			toldMilliseconds: 5_000,
			signal: new AbortController().signal,
			client: "",
			reserve: () => undefined,
		});
	for (const { port } of [one, other]) await post(port);
	exchange.forget(loopback(one.port));
	await eventually("closed", () => one.open() === 0);
	assert.equal(other.open(), 1);
	await post(one.port);
	assert.equal(one.accepted(), 2);
});

test("a request that waits is served if the connection being opened is forgotten", async (t) => {
	const { take, forget } = await poolOfOne(t);
	const opening = take(false);
	const next = take(false);
	forget();
	await assert.rejects(opening, { code: "ECONNRESET" });
	assert.equal((await next).isKept, false);
});
