import assert from "node:assert/strict";
import { test } from "node:test";
import type { Store } from "../../../../../cli/collector/write/store.ts";
import { StoreWatch } from "../../../../../cli/collector/write/store-watch.ts";
import { victoriaPage } from "../../../../support/stub-store.ts";

/** A watch of a store whose pages a test decides, with clocks that it moves. */
function watched() {
	const lines: string[] = [];
	const say = (line: string) => lines.push(line);
	const clock = { elapsed: 1_000_000, now: 1_790_000_000_000 };
	const answer = { status: 200, reason: "", retryAfterMilliseconds: undefined };
	const page = {
		text: "" as string,
		date: undefined as number | undefined,
		reads: 0,
	};
	const store: Store = {
		place: "store:8428",
		post: async () => answer,
		page: async () => {
			page.reads++;
			return { ...answer, page: page.text, date: page.date };
		},
		close: () => {},
	};
	const watch = new StoreWatch({
		...{ store, log: { notice: say, warning: say, error: say } },
		...{ elapsed: () => clock.elapsed, now: () => clock.now },
		ackAfterSeconds: undefined,
	});
	return { watch, page, clock, lines };
}

test("what did not look like a store at first is looked at again every minute", async () => {
	const { watch, page, clock } = watched();
	await watch.read();
	assert.equal(watch.promise, "accepted");
	page.text = victoriaPage(1_790_000_000);
	watch.refresh();
	assert.equal(page.reads, 1);
	clock.elapsed += 61_000;
	watch.refresh();
	await watch.read();
	assert.equal(page.reads, 2);
	assert.equal(watch.promise, "restart-checked");
	// it had not said before when it was started
	assert.equal(watch.restarts, 0);
});

test("the time is the store's, whatever happens to the clock here", async () => {
	const { watch, page, clock, lines } = watched();
	page.text = victoriaPage(1_790_000_000);
	assert.equal(watch.now(), clock.now);
	page.date = clock.now + 30_000;
	await watch.read();
	assert.equal(watch.now(), 1_790_000_030_000);
	assert.ok(!lines.some((line) => /clock/.test(line)));
	// somebody sets it a day back
	clock.now -= 86_400_000;
	clock.elapsed += 5_000;
	assert.equal(watch.now(), 1_790_000_035_000);
	page.date += 5_000;
	for (let read = 0; read < 2; read++) await watch.read();
	assert.deepEqual(
		lines.filter((line) => /clock/.test(line)),
		[
			"store:8428: its clock and the one here differ by 86435 s: samples are too old or too new for it by its own clock",
		],
	);
});
