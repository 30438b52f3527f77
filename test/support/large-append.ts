import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Agent } from "node:https";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
	isMainThread,
	parentPort,
	Worker,
	workerData,
} from "node:worker_threads";
import { startDaemon } from "./daemon.ts";
import { post, send } from "./https.ts";

const megabytes = 10_000_000;

/** About this many bytes of JSON, as agents send it, with several metrics per sample. */
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

/** CPU time of a process's main thread, which runs its event loop, in milliseconds. */
const cpuOf = (pid: number) =>
	Number(
		readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8").split(" ")[0],
	) / 1e6;

/** A request: how long it waited, and the agent's CPU time meanwhile; in milliseconds. */
interface Wait {
	wall: number;
	cpu: number;
}

/**
 * Sends `GET /` over one connection every ten milliseconds until told to stop, on a thread of its
 * own, so that the client's own work does not count.
 */
async function ask({ port, pid }: { port: number; pid: number }) {
	const agent = new Agent({ keepAlive: true, maxSockets: 1 });
	const waits: Wait[] = [];
	let stopped = false;
	parentPort?.once("message", () => {
		stopped = true;
	});
	while (!stopped) {
		const from = performance.now();
		const cpuFrom = cpuOf(pid);
		await send({ port, agent });
		waits.push({ wall: performance.now() - from, cpu: cpuOf(pid) - cpuFrom });
		if (waits.length === 50) parentPort?.postMessage("warm");
		await new Promise((resolve) => setTimeout(resolve, 10));
	}
	agent.destroy();
	parentPort?.postMessage(waits);
}

if (!isMainThread) await ask(workerData as { port: number; pid: number });

/** One append of 10 MB, and how long other requests wait meanwhile. */
export function testLargeAppend(metricsEach: number) {
	test(`10 MB of samples with ${metricsEach} figures each are accepted, and others wait 250 ms at most`, async (t) => {
		const { port, process } = await startDaemon(t);
		const metric_data = samplesOf(megabytes, metricsEach);
		const worker = new Worker(fileURLToPath(import.meta.url), {
			workerData: { port, pid: process.pid },
		});
		t.after(() => worker.terminate());
		await once(worker, "message");
		const pid = process.pid ?? assert.fail();
		const from = performance.now();
		const cpuFrom = cpuOf(pid);
		const answer = await post(port, "/metric/append", { metric_data });
		const took = performance.now() - from;
		const cpuTook = cpuOf(pid) - cpuFrom;
		assert.deepEqual(answer.json, { status: "ok", message: "" });
		worker.postMessage("stop");
		const [given] = await once(worker, "message");
		const waits = given as Wait[];
		const longest = (of: keyof Wait) =>
			waits.map((wait) => wait[of]).sort((a, b) => b - a)[0] ?? Number.NaN;
		t.diagnostic(
			`${metric_data.length} samples in ${took.toFixed()} ms, ${cpuTook.toFixed()} at work; ${waits.length} requests: longest ${longest("wall").toFixed()} ms, ${longest("cpu").toFixed()} ms of them the agent at work`,
		);
		// what the agent itself makes others wait, not what else this machine does; on
		// a slow one the whole takes longer, too
		const limit = Math.max(250, cpuTook / 4);
		assert.ok(longest("cpu") <= limit, `${longest("cpu")} of ${cpuTook} ms`);
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
}
