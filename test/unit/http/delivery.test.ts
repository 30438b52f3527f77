import assert from "node:assert/strict";
import { Agent } from "node:https";
import { describe, it, type TestContext } from "node:test";
import {
	type DeliveryTimes,
	deliveryTimes,
} from "../../../src/http/connection.ts";
import { startTestAgent } from "../../support/agent.ts";
import { eventually } from "../../support/eventually.ts";
import { post, send } from "../../support/https.ts";
import { openWire, requestText } from "../../support/wire.ts";

const drain = requestText("POST /metric", "{}");

/** Long enough that the quiet time does not decide, even on a slow machine. */
const patient: DeliveryTimes = { quiet: 60_000, slow: 60_000 };

/** An agent with one stored sample, padded to this many bytes. */
async function agentWithData(
	t: TestContext,
	bytes = 10,
	times: Partial<DeliveryTimes> = {},
) {
	const agent = await startTestAgent(t, {}, undefined, {
		...{ ...patient, ...times },
	});
	const name = "x".repeat(1000);
	const metrics: Record<string, number> = {};
	for (let n = 0; n * 1000 < bytes; n++) metrics[`${name}${n}`] = n;
	const body = { metric_data: [{ hostname: "h", timestamp: 1, metrics }] };
	assert.equal((await post(agent.port, "/metric/append", body)).status, 200);
	return agent;
}

const isStored = async (port: number) => {
	const { json } = await post(port, "/metric/peek", {});
	return (json as { metric_data: unknown }).metric_data !== null;
};

const isFree = async (port: number) => {
	const wanted = await post(port, "/metric/lease", { seconds: 1 });
	return (wanted.json as { batch_id: unknown }).batch_id !== null;
};

describe("a drain's data is deleted once its client has it", () => {
	it("the client sends its next request", async (t) => {
		const { port } = await agentWithData(t);
		const agent = new Agent({ keepAlive: true });
		t.after(() => agent.destroy());
		const answer = await send({
			port,
			agent,
			method: "POST",
			path: "/metric",
			body: "",
		});
		assert.match(answer.text, /"hostname":"h"/);
		assert.equal(await isStored(port), true, "not before");
		await send({ port, agent });
		await eventually("gone", async () => !(await isStored(port)));
	});

	it("the client closes in order", async (t) => {
		const { port } = await agentWithData(t);
		const wire = openWire(t, { port });
		wire.socket.write(drain);
		await wire.until(/"hostname":"h"/);
		wire.socket.end();
		await eventually("gone", async () => !(await isStored(port)));
	});

	it("the client has asked to close the connection", async (t) => {
		const { port } = await agentWithData(t);
		// a request on a connection of its own sends Connection: close
		const answer = await post(port, "/metric", {});
		assert.equal(answer.headers.connection, "close");
		await eventually("gone", async () => !(await isStored(port)));
	});

	it("the client is silent for three seconds", async (t) => {
		assert.equal(deliveryTimes.quiet, 3_000);
		const { port } = await agentWithData(t, 10, { quiet: 300 });
		const wire = openWire(t, { port });
		wire.socket.write(drain);
		await wire.until(/"hostname":"h"/);
		await eventually("gone", async () => !(await isStored(port)));
	});
});

describe("a drain's data is put back if its client vanishes", () => {
	const cases: [string, number, RegExp][] = [
		["after the headers of a small answer", 10, /^HTTP/],
		["after the headers of a large answer", 6_000_000, /^HTTP/],
		["in mid-body", 6_000_000, /x{900}\d+":\d+,"x{900}/],
	];
	for (const [what, bytes, pattern] of cases)
		it(what, async (t) => {
			const { port } = await agentWithData(t, bytes);
			const wire = openWire(t, { port });
			await wire.opened;
			wire.socket.write(drain);
			await wire.until(pattern);
			wire.reset();
			await eventually("free again", () => isFree(port));
			assert.equal(await isStored(port), true);
		});

	it("without reading at all", async (t) => {
		const { port } = await agentWithData(t, 6_000_000);
		const wire = openWire(t, { port });
		await wire.opened;
		wire.socket.pause();
		wire.socket.write(drain);
		await eventually("handed out", async () => !(await isFree(port)));
		wire.reset();
		await eventually("free again", () => isFree(port));
		assert.equal(await isStored(port), true);
	});

	it("with further requests queued before the answer", async (t) => {
		const { port } = await agentWithData(t, 6_000_000);
		const wire = openWire(t, { port });
		await wire.opened;
		wire.socket.pause();
		wire.socket.write(drain + drain + drain);
		await eventually("handed out", async () => !(await isFree(port)));
		wire.reset();
		await eventually("free again", () => isFree(port));
	});
});
