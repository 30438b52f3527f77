import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent } from "node:https";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
	isMainThread,
	parentPort,
	Worker,
	workerData,
} from "node:worker_threads";
import { startDaemon } from "../support/daemon.ts";
import { post, send } from "../support/https.ts";

const megabytes = 10_000_000;

/** About so many bytes of JSON, as agents send it: some figures a sample. */
function samplesOf(bytes: number, metricsEach: number) {
	const samples: unknown[] = [];
	for (let length = 0; length < bytes; ) {
		const metrics: Record<string, number> = {};
		for (let n = 0; n < metricsEach; n++)
			metrics[`linux.interface.rxbytes_eth${n}`] = samples.length * n + n / 7;
		const sample = { hostname: "web01", timestamp: 1_444_028_730, metrics };
		samples.push(sample);
		length += JSON.stringify(sample).length + 1;
	}
	return samples;
}

/**
 * Asks `GET /` over one connection every ten milliseconds until it is told to
 * stop, in a thread of its own: what the client does must not count.
 */
async function ask(port: number) {
	const agent = new Agent({ keepAlive: true, maxSockets: 1 });
	const waits: number[] = [];
	let stopped = false;
	parentPort?.once("message", () => {
		stopped = true;
	});
	while (!stopped) {
		const from = performance.now();
		await send({ port, agent });
		waits.push(performance.now() - from);
		if (waits.length === 50) parentPort?.postMessage("warm");
		await new Promise((resolve) => setTimeout(resolve, 10));
	}
	agent.destroy();
	parentPort?.postMessage(waits);
}

if (!isMainThread) await ask(workerData as number);
else
	for (const metricsEach of [4, 20, 200])
		test(`10 MB of samples with ${metricsEach} figures each are accepted, and others wait 250 ms at most`, async (t) => {
			const { port } = await startDaemon(t);
			const metric_data = samplesOf(megabytes, metricsEach);
			const worker = new Worker(fileURLToPath(import.meta.url), {
				workerData: port,
			});
			t.after(() => worker.terminate());
			await once(worker, "message");
			const from = performance.now();
			const answer = await post(port, "/metric/append", { metric_data });
			const took = performance.now() - from;
			assert.deepEqual(answer.json, { status: "ok", message: "" });
			worker.postMessage("stop");
			const [given] = await once(worker, "message");
			const waits = (given as number[]).sort((a, b) => a - b);
			const median = waits[Math.floor(waits.length / 2)] ?? Number.NaN;
			const longest = waits.at(-1) ?? Number.NaN;
			t.diagnostic(
				`${metric_data.length} samples in ${took.toFixed()} ms; ${waits.length} requests: median ${median.toFixed(1)} ms, longest ${waits
					.slice(-4)
					.map((wait) => wait.toFixed())
					.join(", ")} ms`,
			);
			// a machine that is busy with other things makes the whole take longer, too
			const limit = Math.max(250, took / 4);
			assert.ok(longest - median <= limit, `${longest} ms of ${took} ms`);
			let count = 0;
			for (;;) {
				const { json } = await post(port, "/metric", {});
				const { metric_data: some } = json as { metric_data: unknown[] | null };
				if (!some) break;
				assert.deepEqual(some, metric_data.slice(count, count + some.length));
				count += some.length;
			}
			assert.equal(count, metric_data.length);
		});
