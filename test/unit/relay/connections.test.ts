import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { openTcp } from "../../../src/relay/connect.ts";
import {
	type Connection,
	createConnections,
} from "../../../src/relay/connections.ts";
import { loopback } from "../../support/fetching.ts";
import { listening } from "../../support/next-hop.ts";

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
	return { take, give: (one: Connection) => pool.give("hop", one) };
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
