import assert from "node:assert/strict";
import { test } from "node:test";
import { Deliveries } from "../../../../../cli/collector/write/delivery.ts";
import type { Store } from "../../../../../cli/collector/write/store.ts";
import { StoreGate } from "../../../../../cli/collector/write/store-gate.ts";
import { StoreWatch } from "../../../../../cli/collector/write/store-watch.ts";
import { createLogRepeats } from "../../../../../src/log-repeats.ts";
import { victoriaPage } from "../../../../support/stub-store.ts";

/** A store that takes a time of its own for each request. */
function slowStore(t: { signal: AbortSignal }, ackAfterSeconds: number) {
	let passed = 0;
	let takes = 0;
	// the first request waits a second, as the store may be another process within it
	const elapsed = () => performance.now() + passed;
	const lines: string[] = [];
	const log = {
		notice: () => {},
		error: (line: string) => lines.push(line),
		warning: (line: string) => lines.push(line),
	};
	const answer = { reason: "", retryAfterMilliseconds: undefined };
	const store: Store = {
		place: "store:8428",
		post: async () => {
			passed += takes;
			return { ...answer, status: 204 };
		},
		page: async () => ({
			...{ ...answer, status: 200, page: victoriaPage(1) },
			date: undefined,
		}),
		close: () => {},
	};
	const deliveries = new Deliveries({
		...{ store, elapsed, signal: t.signal },
		watch: new StoreWatch({
			...{ store, log, elapsed, ackAfterSeconds },
			now: Date.now,
		}),
		gate: new StoreGate(elapsed),
		repeats: createLogRepeats({ log, elapsed }),
	});
	return {
		lines,
		async deliver(milliseconds: number) {
			takes = milliseconds;
			await deliveries.deliver(new Uint8Array(1), false);
		},
	};
}

test("the log says once that a store takes so long that its promise is weak", async (t) => {
	const { deliver, lines } = slowStore(t, 30);
	await deliver(9_000);
	assert.deepEqual(lines, []);
	await deliver(12_000);
	await deliver(13_000);
	assert.deepEqual(lines, [
		"store:8428: the store took 12 s for a request: its disk is probably too slow, and samples that are acknowledged may be lost if it is killed (--ack-after)",
	]);
});

test("a store that nobody waits for may take its time", async (t) => {
	const { deliver, lines } = slowStore(t, 0);
	await deliver(12_000);
	assert.deepEqual(lines, []);
});
