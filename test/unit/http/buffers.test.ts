import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { startTestAgent } from "../../support/agent.ts";
import { eventually } from "../../support/eventually.ts";
import { send } from "../../support/https.ts";
import { openWire, requestText } from "../../support/wire.ts";

/** The budget; one client gets half of it. */
const limit = { "max-buffered-bytes": 8192, "connection-wait-seconds": 1 };

/** A check whose body has this many bytes. */
function checkOf(bytes: number) {
	const check = { plugin_name: "check_exit", plugin_option: "0", pad: "" };
	const pad = "x".repeat(bytes - JSON.stringify(check).length);
	return JSON.stringify({ ...check, pad });
}

const monitor = (port: number, bytes: number) =>
	send({ port, method: "POST", path: "/monitor", body: checkOf(bytes) });

/** Sends the headers of a check and all but the last byte of its body; `finish` sends that. */
async function halfSent(t: TestContext, port: number, bytes: number) {
	const wire = openWire(t, { port });
	const text = requestText("POST /monitor", checkOf(bytes));
	await new Promise((resolve) => wire.socket.write(text.slice(0, -1), resolve));
	return { wire, finish: () => wire.socket.write(text.slice(-1)) };
}

const refused = async (port: number) =>
	(await monitor(port, 3000)).status === 503;
const served = async (port: number) =>
	(await monitor(port, 3000)).status === 200;

describe("max-buffered-bytes, all bodies together", () => {
	it("answers 503 to a body that exceeds what is left, and serves one that fits", async (t) => {
		const { port } = await startTestAgent(t, limit);
		const first = await halfSent(t, port, 3000);
		await eventually("the budget is in use", () => refused(port));
		const busy = await monitor(port, 3000);
		assert.equal(busy.status, 503);
		assert.match(String(busy.headers["retry-after"]), /^\d+$/);
		const { detail, return_value } = busy.json as Record<string, unknown>;
		assert.match(String(detail), /^body: .*max-buffered-bytes/);
		assert.equal(return_value, 3);
		assert.equal((await monitor(port, 1000)).status, 200);
		// the first one has its memory, and is served
		first.finish();
		assert.match(await first.wire.until(/\}$/), /^HTTP\/1\.1 200 /);
	});

	it("refuses the second of two half-sent bodies before it is complete", async (t) => {
		const { port } = await startTestAgent(t, limit);
		await halfSent(t, port, 3000);
		await eventually("the budget is in use", () => refused(port));
		const second = await halfSent(t, port, 3000);
		await second.wire.until(/^HTTP\/1\.1 503 /);
	});

	it("is given back after an answer, on a connection that stays", async (t) => {
		const { port } = await startTestAgent(t, limit);
		const wire = openWire(t, { port });
		for (let n = 1; n <= 5; n++) {
			wire.socket.write(requestText("POST /monitor", checkOf(3000)));
			await wire.until(new RegExp(`(HTTP/1\\.1 200 [\\s\\S]*){${n}}\\}$`));
		}
		assert.ok(await served(port));
	});

	for (const how of ["destroy", "reset"] as const)
		it(`is given back when a client disconnects within a body: ${how}`, async (t) => {
			const { port } = await startTestAgent(t, limit);
			for (let n = 0; n < 3; n++) {
				const { wire } = await halfSent(t, port, 3000);
				await eventually("the budget is in use", () => refused(port));
				if (how === "reset") wire.reset();
				else wire.socket.destroy();
				await eventually("the budget is back", () => served(port));
			}
		});

	it("is given back when a body does not arrive in time", async (t) => {
		const { port } = await startTestAgent(t, {
			...limit,
			"headers-timeout-seconds": 3,
			"request-timeout-seconds": 3,
		});
		const { wire } = await halfSent(t, port, 3000);
		await eventually("the budget is in use", () => refused(port));
		assert.match((await wire.ended).text, /^HTTP\/1\.1 408 /);
		await eventually("the budget is back", () => served(port));
	});

	it("reads a machine state from the store only once there is memory for it", async (t) => {
		const { port } = await startTestAgent(t, limit);
		const read = async () =>
			(await send({ port, path: "/machine-state/s-1" })).status;
		assert.equal(await read(), 404);
		const first = await halfSent(t, port, 3000);
		await eventually("the budget is in use", () => refused(port));
		assert.equal(await read(), 503);
		first.finish();
		await eventually("the budget is back", async () => (await read()) === 404);
	});

	it("counts the output of a check: it waits for memory, and is complete", async (t) => {
		const { port } = await startTestAgent(t, limit);
		const body = JSON.stringify({ plugin_name: "check_1mb" });
		const check = () => send({ port, method: "POST", path: "/monitor", body });
		const first = await halfSent(t, port, 3000);
		await eventually("the budget is in use", () => refused(port));
		const { status, json } = await check();
		assert.equal(status, 503);
		assert.match(
			String((json as Record<string, unknown>).detail),
			/^output of \S+check_1mb: .*max-buffered-bytes/,
		);
		const later = check();
		first.finish();
		assert.equal((await later).status, 200);
		assert.ok((await later).text.length > 1_000_000);
		const all = await Promise.all(Array.from({ length: 8 }, check));
		assert.deepEqual(new Set(all.map(({ status }) => status)), new Set([200]));
		await eventually("the budget is back", () => served(port));
	});

	it("is given back after refusals: too large, not JSON, invalid, denied", async (t) => {
		const { port } = await startTestAgent(t, {
			...limit,
			"max-body-bytes": 3500,
		});
		for (let n = 0; n < 4; n++) {
			assert.equal((await monitor(port, 3600)).status, 413);
			for (const body of ["x".repeat(3000), JSON.stringify("x".repeat(3000))]) {
				const wrong = { port, method: "POST", path: "/monitor", body };
				assert.equal((await send(wrong)).status, 400);
			}
			const elsewhere = await send({
				port,
				method: "PUT",
				path: "/monitor",
				body: "x".repeat(3000),
			});
			assert.equal(elsewhere.status, 405);
		}
		await eventually("the budget is back", () => served(port));
	});
});
