import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { type TestContext, test } from "node:test";
import { run } from "../support/command-line.ts";
import { type StartOptions, startDaemon } from "../support/daemon.ts";
import { post } from "../support/https.ts";

interface Sample {
	hostname: string;
	timestamp: number;
	metrics: Record<string, number>;
}

/** Runs append_metric for the agent on a port. */
const append = (
	t: TestContext,
	port: number,
	args: readonly string[],
	options: StartOptions & { milliseconds?: number } = {},
) =>
	run(
		t,
		["append_metric", "-b", `https://127.0.0.1:${port}`, ...args],
		options,
	);

/** Yields an agent's samples, batch by batch. */
async function* drained(port: number) {
	for (;;) {
		const { json } = await post(port, "/metric", {});
		const { metric_data } = json as { metric_data: Sample[] | null };
		if (!metric_data) return;
		yield* metric_data;
	}
}

/** 20,000 names at 15 times. */
function* manyLines() {
	for (let time = 0; time < 15; time++) {
		const lines: string[] = [];
		for (let n = 0; n < 20_000; n++)
			lines.push(
				`linux.interface.rxbytes_${n}\t${time * n}\t${1_444_028_730 + time}\n`,
			);
		yield lines.join("");
	}
}

test("all of 300,000 lines reach a real agent", async (t) => {
	const { port } = await startDaemon(t);
	const from = performance.now();
	const exited = await append(t, port, ["-H", "web01"], {
		stdin: Readable.from(manyLines()),
		milliseconds: 300_000,
		nodeFlags: ["--max-old-space-size=64"],
	});
	t.diagnostic(`${((performance.now() - from) / 1000).toFixed(1)} s`);
	assert.equal(exited.stderr, "");
	assert.equal(exited.stdout, "Success.\n");
	const seen = new Uint8Array(300_000);
	for await (const { hostname, timestamp, metrics } of drained(port)) {
		assert.equal(hostname, "web01");
		const time = timestamp - 1_444_028_730;
		for (const [name, value] of Object.entries(metrics)) {
			const n = Number(name.slice("linux.interface.rxbytes_".length));
			assert.equal(value, time * n);
			const at = time * 20_000 + n;
			seen[at] = (seen[at] ?? 0) + 1;
		}
	}
	assert.ok(seen.every((count) => count === 1));
});

test("40 MB of input need little memory", async (t) => {
	function* large() {
		for (let n = 0; n < 400; n++)
			yield `${"name".repeat(25)}${n} 1 7\n`.repeat(960);
	}
	const { code, stderr } = await run(t, ["append_metric", "-n"], {
		stdin: Readable.from(large()),
		milliseconds: 300_000,
		nodeFlags: ["--max-old-space-size=32"],
	});
	assert.deepEqual([code, stderr], [0, ""]);
});
