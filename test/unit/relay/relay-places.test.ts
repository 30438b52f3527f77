import assert from "node:assert/strict";
import { test } from "node:test";
import { Abandoning } from "../../../src/abandonment.ts";
import { createRelayPlaces } from "../../../src/relay/relay-places.ts";

const limits = { each: 1, all: 64, eachSlow: 1, allSlow: 64 };

test("the status counts requests with and without a place, and names slow hops", async () => {
	const places = createRelayPlaces(limits);
	const departure = (place: string) => ({
		...{ place, client: "192.0.2.1", isNested: false },
		...{ timeoutMilliseconds: 60_000, signal: new Abandoning() },
	});
	assert.deepEqual(places.status(), { requests: 0, slowHops: [] });
	const first = await places.depart(departure("a:1"));
	const second = places.depart(departure("a:1"));
	assert.ok(second instanceof Promise, "it waits");
	assert.deepEqual(places.status(), { requests: 2, slowHops: [] });
	first.over("late");
	assert.deepEqual(places.status(), { requests: 1, slowHops: ["a:1"] });
	(await second).over("answered");
	assert.deepEqual(places.status(), { requests: 0, slowHops: [] });
	for (let n = 0; n < 25; n++) {
		const journey = await places.depart(departure(`h${n}:1`));
		journey.over("late");
	}
	const { slowHops } = places.status();
	assert.equal(slowHops.length, 20);
	assert.equal(slowHops.at(-1), "h24:1");
});
