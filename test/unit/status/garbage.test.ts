import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { type TestContext, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
	createGarbageWatch,
	type GarbageStop,
} from "../../../src/status/garbage.ts";
import { eventually } from "../../support/eventually.ts";

const minor = { kind: 1, flags: 0 };
const major = { kind: 4, flags: 0 };
const marking = { kind: 8, flags: 0 };

/** The start of the process, milliseconds since 1970. */
const timeOrigin = Date.UTC(2026, 10, 22, 10, 16, 46);

/** A watch that gets its pauses from the test. */
function open() {
	const pending: GarbageStop[] = [];
	const fake = {
		report: (_: GarbageStop[]): void => assert.fail("not observed"),
		pending,
		disconnected: 0,
		collected: 0,
		elapsed: 10_000,
		/** How far the wall clock was set, in milliseconds. */
		set: 0,
	};
	const watch = createGarbageWatch({
		collected: () => {
			fake.collected++;
		},
		observe(report) {
			fake.report = report;
			return {
				takeRecords: () => pending.splice(0),
				disconnect: () => {
					fake.disconnected++;
				},
			};
		},
		clock: {
			elapsed: () => fake.elapsed,
			// whole milliseconds, like Date.now()
			now: () => Math.floor(timeOrigin + fake.elapsed + fake.set),
		},
	});
	return { watch, fake };
}

test("counts nothing at first", () => {
	const { watch, fake } = open();
	assert.deepEqual(watch.read(), {
		count: 0,
		forced: 0,
		pauseTotal: 0,
		lastEnd: 0,
	});
	assert.equal(fake.collected, 0);
});

/** A time `milliseconds` after the origin, as JSON has it: nanoseconds since 1970. */
const printed = (milliseconds: number) =>
	`${BigInt(timeOrigin) + BigInt(milliseconds)}000000`;

test("counts collections; times in nanoseconds, dates to the millisecond", () => {
	const { watch, fake } = open();
	fake.report([
		{ startTime: 1000, duration: 1.234_567_4, detail: minor },
		{ startTime: 2000.5, duration: 0.5, detail: { kind: 2, flags: 0 } },
	]);
	fake.report([{ startTime: 3000, duration: 2, detail: major }]);
	const { count, forced, pauseTotal, lastEnd } = watch.read();
	assert.deepEqual([count, forced, pauseTotal], [3, 0, 3_734_567]);
	assert.equal(JSON.stringify(lastEnd), printed(3_002));
	assert.equal(fake.collected, 2);
});

test("reads unreported pauses, once", () => {
	const { watch, fake } = open();
	fake.pending.push({ startTime: 1, duration: 1, detail: minor });
	assert.equal(watch.read().count, 1);
	assert.equal(watch.read().count, 1);
	assert.equal(fake.collected, 1);
});

test("the pause that begins a collection is not a collection of its own", () => {
	const { watch, fake } = open();
	fake.report([
		{ startTime: 1, duration: 1, detail: marking },
		{ startTime: 3, duration: 2, detail: minor },
	]);
	assert.equal(watch.read().pauseTotal, 3e6);
	fake.report([
		{ startTime: 6, duration: 4, detail: major },
		{ startTime: 20, duration: 8, detail: { kind: 16, flags: 0 } },
		{ startTime: 40, duration: 16, detail: major },
	]);
	const { count, pauseTotal, lastEnd } = watch.read();
	assert.equal(count, 3);
	assert.equal(pauseTotal, 31e6);
	assert.equal(String(lastEnd), printed(56));
});

test("counts requested collections", () => {
	const { watch, fake } = open();
	fake.report([
		{ startTime: 1, duration: 1, detail: { kind: 4, flags: 4 } },
		{ startTime: 3, duration: 1, detail: { kind: 1, flags: 4 | 16 } },
		{ startTime: 5, duration: 1, detail: { kind: 4, flags: 64 } },
	]);
	assert.equal(watch.read().forced, 2);
});

test("uses the current wall clock for dates if it was set since the start", () => {
	for (const [set, seen] of [
		[86_400_000, 86_400_000],
		[-86_400_000, -86_400_000],
	] as const) {
		const { watch, fake } = open();
		fake.set = set;
		fake.report([{ startTime: 9_000, duration: 1, detail: minor }]);
		assert.equal(String(watch.read().lastEnd), printed(9_001 + seen));
	}
});

test("close stops counting", () => {
	const { watch, fake } = open();
	watch.close();
	assert.equal(fake.disconnected, 1);
	assert.equal(watch.read().count, 0);
});

/** Collects garbage now. */
function collector(): () => void {
	setFlagsFromString("--expose-gc");
	return runInNewContext("gc") as () => void;
}

function watchReally(t: TestContext) {
	const watch = createGarbageWatch();
	t.after(() => watch.close());
	return watch;
}

test("counts the collections of this process", async (t) => {
	const watch = watchReally(t);
	const before = Date.now();
	collector()();
	await eventually("a collection", () => watch.read().forced >= 1);
	const { count, pauseTotal, lastEnd } = watch.read();
	assert.ok(count >= 1);
	assert.ok(pauseTotal > 0 && Number.isSafeInteger(pauseTotal));
	// the clocks may differ by small corrections
	assert.ok(lastEnd / 1e6 > before - 200, `${lastEnd} ${before}`);
	assert.ok(lastEnd / 1e6 < Date.now() + 200, `${lastEnd} ${before}`);
});

test("counts nothing once closed", async (t) => {
	const watch = watchReally(t);
	const witness = watchReally(t);
	watch.close();
	collector()();
	await eventually("a collection", () => witness.read().forced >= 1);
	assert.equal(watch.read().count, 0);
});

test("does not keep the process alive", () => {
	const file = new URL("../../../src/status/garbage.js", import.meta.url);
	const script = `
		const { createGarbageWatch } = await import(${JSON.stringify(file)});
		const watch = createGarbageWatch();
		gc();
		process.on("exit", () => { if (watch.read().count === 0) process.exitCode = 3 });
		setTimeout(gc, 20);
	`;
	execFileSync(
		process.execPath,
		["--expose-gc", "--input-type=module", "-e", script],
		{ timeout: 30_000 },
	);
});
