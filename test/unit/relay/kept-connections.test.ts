import assert from "node:assert/strict";
import { it } from "node:test";
import { createExchange } from "../../../src/client/exchange.ts";
import { eventually } from "../../support/eventually.ts";
import { createFetching, loopback } from "../../support/fetching.ts";
import { answering, json } from "../../support/next-hop.ts";

const hop = (t: Parameters<typeof answering>[0]) =>
	answering(t, (response) => json(response, {}));

it("over the limit, the connections that are already kept stay", async (t) => {
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

it("an idle connection is closed after its time", async (t) => {
	const one = await hop(t);
	const fetch = await createFetching(t, { kept: { idleMilliseconds: 1_000 } });
	await fetch(one.port);
	assert.equal(one.open(), 1);
	await eventually("closed", () => one.open() === 0);
});

it("connections to a hop that is verified in another way now are closed", async (t) => {
	const [one, other] = [await hop(t), await hop(t)];
	const exchange = createExchange({
		trust: "unverified",
		fingerprint: () => undefined,
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
