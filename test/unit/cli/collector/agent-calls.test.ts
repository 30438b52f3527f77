import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createAgentCalls } from "../../../../cli/collector/agent-calls.ts";
import { Abandoning } from "../../../../src/abandonment.ts";
import { createExchange } from "../../../../src/client/exchange.ts";
import { eventually } from "../../../support/eventually.ts";
import { answering, json } from "../../../support/next-hop.ts";

const empty = {
	...{ batch_id: null, expires_at: null, seconds: null },
	...{ metric_data: [], message: "" },
};

function callsOf(t: TestContext) {
	const exchange = createExchange({
		trust: "unverified",
		pin: () => undefined,
		maxAnswerBytes: 1 << 24,
		maxRequests: undefined,
	});
	const signal = new Abandoning();
	t.after(() => {
		signal.abort();
		exchange.close();
	});
	return createAgentCalls({
		exchangeTo: () => exchange,
		isVerified: () => false,
		...{ key: "", leaseSeconds: 60, timeoutMilliseconds: 20_000, signal },
	});
}

const called = (port: number) => ({
	name: `127.0.0.1:${port}`,
	hops: [{ host: "127.0.0.1", port }],
});

/** Agents that declare so many bytes, begin to send them and stop. */
async function stuckAgents(t: TestContext, count: number, bytes: number) {
	return Promise.all(
		Array.from({ length: count }, () =>
			answering(t, (response) => {
				response.writeHead(200, {
					"Content-Type": "application/json",
					"Content-Length": bytes,
				});
				response.write("{");
			}),
		),
	);
}

test("agents that send large answers slowly hold back no others", async (t) => {
	const calls = callsOf(t);
	const stuck = await stuckAgents(t, 12, 1 << 24);
	let ended = 0;
	const leasing = stuck.map(async ({ port }) => {
		await assert.rejects(calls.lease(called(port), "fleet"));
		ended++;
	});
	await eventually("all are asked", () =>
		stuck.every(({ arrived }) => arrived.length === 1),
	);
	const agent = await answering(t, (response) => json(response, empty));
	for (let round = 0; round < 5; round++) {
		const { answer } = await calls.lease(called(agent.port), "fleet");
		assert.equal(answer.batch_id, null);
	}
	assert.equal(ended, 0);
	for (const agent of stuck) agent.resetAll();
	await Promise.all(leasing);
});
