import assert from "node:assert/strict";
import { test } from "node:test";
import type { components } from "../../../generated/schema.ts";
import { startTestAgent } from "../../support/agent.ts";
import { post, send } from "../../support/https.ts";
import {
	all,
	numbers,
	one,
	openBuffer,
	sample,
} from "../../support/metric-buffer.ts";

test("leases are listed with consumer and remaining time, including expired ones", async (t) => {
	const consumers = ["default", "b"];
	const { buffer, clock } = await openBuffer(t, { consumers });
	assert.deepEqual(await buffer.leases(), []);
	for (let n = 1; n <= 3; n++) {
		await buffer.append([sample(n)]);
		clock.seconds++;
	}
	const first = await buffer.lease("default", one, 10_000);
	const second = await buffer.lease("default", all, 60_000);
	const other = await buffer.lease("b", all, 3_000);
	clock.seconds += 5;
	clock.set = -3600;
	const listed = await buffer.leases();
	const left = new Map(listed.map((it) => [it.lease.batchId, it.left]));
	assert.equal(listed.length, 3);
	assert.equal(left.get(first?.lease.batchId ?? ""), 5_000);
	assert.equal(left.get(second?.lease.batchId ?? ""), 55_000);
	assert.equal(left.get(other?.lease.batchId ?? ""), 0);
	assert.equal(listed.at(-1)?.lease.batchId, second?.lease.batchId);
});

test("a released batch is delivered again at once, unchanged; its first consumer may still acknowledge it", async (t) => {
	const { buffer, clock, database, directory } = await openBuffer(t);
	await buffer.append([sample(1)]);
	const batch = await buffer.lease("default", all, 86_400_000);
	const id = batch?.lease.batchId ?? "";
	assert.equal(await buffer.lease("default", all, 1000), undefined);
	assert.equal(await buffer.release("unknown"), false);
	assert.equal(await buffer.release(id), true);
	assert.equal(await buffer.release(id), false);

	await database.close();
	const seconds = clock.seconds;
	const again = (await openBuffer(t, { directory, seconds })).buffer;
	const back = await again.lease("default", all, 1000);
	assert.equal(back?.lease.batchId, id);
	assert.deepEqual(back?.samples, batch?.samples);
	await again.release(id);
	await again.acknowledge(id, "default");
	assert.equal(numbers(await again.peek("default", all))?.length, 0);
	assert.deepEqual(await again.leases(), []);
});

test("metric-max-lease-seconds limits a lease; a bastion relays listing and release", async (t) => {
	const agent = await startTestAgent(t, { "metric-max-lease-seconds": 60 });
	const bastion = await startTestAgent(t);
	await post(agent.port, "/metric/append", { metric_data: [sample(1)] });
	const asked = Math.floor(Date.now() / 1000);
	const lent = (await post(agent.port, "/metric/lease", { seconds: 86_400 }))
		.json as components["schemas"]["LeasedMetrics"];
	assert.equal(lent.seconds, 60);
	const inSeconds = (lent.expires_at ?? 0) - asked;
	assert.ok(inSeconds >= 60 && inSeconds < 90, `${inSeconds}`);

	const through = async (request_type: string, request: object) =>
		(
			await post(bastion.port, "/proxy", {
				proxy_hostport: [`127.0.0.1:${agent.port}`],
				request_type,
				request_json: JSON.stringify(request),
			})
		).json;
	const list = (await through(
		"get/metric/leases",
		{},
	)) as components["schemas"]["LeaseList"];
	assert.equal(list.leases.length, 1);
	const [lease] = list.leases;
	assert.equal(lease?.batch_id, lent.batch_id);
	assert.equal(lease?.consumer, "default");
	assert.equal(lease?.seconds, 60);
	assert.ok(lease && lease.seconds_left > 0 && lease.seconds_left <= 60);
	assert.equal(lease.entries, 1);
	assert.ok(Math.abs(lease.oldest_timestamp - asked) <= 60);
	assert.equal(lease.newest_timestamp, lease.oldest_timestamp);

	const { batch_id } = lease;
	assert.deepEqual(await through("metric/release", { batch_id }), {
		status: "ok",
		message: "",
		released: true,
	});
	const after = await send({ port: agent.port, path: "/metric/leases" });
	const { leases } = after.json as components["schemas"]["LeaseList"];
	assert.equal(leases[0]?.seconds_left, 0);
	const back = await post(agent.port, "/metric/lease", { seconds: 5 });
	assert.equal((back.json as { batch_id: string }).batch_id, batch_id);
});
