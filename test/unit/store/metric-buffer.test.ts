import assert from "node:assert/strict";
import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { createMetricBuffer } from "../../../src/store/metric-buffer.ts";
import { eventually } from "../../support/eventually.ts";
import {
	all,
	clocksOf,
	type DecodingBuffer,
	decoding,
	keysOf,
	numbers,
	one,
	openBuffer,
	sample,
} from "../../support/metric-buffer.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

/** Takes and confirms until nothing is left. */
async function drained(buffer: DecodingBuffer) {
	const found: (number | undefined)[] = [];
	for (;;) {
		const taken = await buffer.take(all);
		await taken.confirm();
		if (taken.samples.length === 0) return found;
		found.push(...(numbers(taken.samples) ?? []));
	}
}

test("keys are named by second; further ones of a second get a number, and none is rewritten", async (t) => {
	const { buffer, clock, database, directory } = await openBuffer(t);
	await buffer.append([sample(1)]);
	await buffer.append([sample(2)]);
	clock.seconds++;
	await buffer.append([sample(3)]);
	clock.seconds--; // the clock goes back
	await buffer.append([sample(4)]);
	await buffer.append([]);
	assert.deepEqual(await keysOf(database), [
		"m-1500000000",
		"m-1500000000-000001",
		"m-1500000000-000002",
		"m-1500000001",
	]);
	await database.close();
	const again = await openBuffer(t, { directory });
	await again.buffer.append([sample(5)]);
	assert.deepEqual(await drained(again.buffer), [1, 2, 4, 5, 3]);
});

test("a drain has distinct seconds, oldest first, with all data of a second", async (t) => {
	const { buffer, clock } = await openBuffer(t);
	for (let n = 0; n < 70; n++) {
		await buffer.append([sample(n)]);
		if (n % 2) clock.seconds++;
	}
	const taken = await buffer.take({ ...all, seconds: 30 });
	assert.equal(taken.samples.length, 60);
	const next = await buffer.take(all);
	assert.deepEqual(
		numbers(next.samples),
		[60, 61, 62, 63, 64, 65, 66, 67, 68, 69],
	);
	assert.deepEqual((await buffer.take(all)).samples, []);
	taken.putBack();
	await next.confirm();
	assert.equal((await buffer.take(all)).samples.length, 60);
});

test("a drain has at most the maximum bytes, but at least one entry", async (t) => {
	const { buffer, clock } = await openBuffer(t);
	for (let n = 0; n < 3; n++) {
		await buffer.append([sample(n)]);
		clock.seconds++;
	}
	const taken = await buffer.take({ seconds: 60, bytes: 10 });
	assert.deepEqual(numbers(taken.samples), [0]);
});

test("a large batch is stored in parts, complete and in order", async (t) => {
	const { buffer, database } = await openBuffer(t);
	const many = Array.from({ length: 20_000 }, (_, n) => sample(n));
	await buffer.append(many);
	assert.ok((await keysOf(database)).length > 2);
	assert.deepEqual(
		await drained(buffer),
		many.map(({ timestamp }) => timestamp),
	);
	assert.deepEqual(await keysOf(database), []);
});

test("two concurrent drains never get the same data", async (t) => {
	const { buffer, clock } = await openBuffer(t);
	for (let n = 0; n < 6; n++) {
		await buffer.append([sample(n)]);
		clock.seconds++;
	}
	const takes = await Promise.all(
		Array.from({ length: 8 }, () => buffer.take(one)),
	);
	assert.deepEqual(
		takes.flatMap(({ samples }) => numbers(samples)),
		[0, 1, 2, 3, 4, 5],
	);
});

/** A buffer whose writes wait until the test releases them, one by one. */
async function openHeld(t: TestContext) {
	const { clock, database, log, retention, room } = await openBuffer(t);
	const held: ((error?: Error) => void)[] = [];
	const buffer = decoding(
		createMetricBuffer({
			database: {
				...database,
				write: async (writes) => {
					await new Promise<void>((resolve, reject) => {
						held.push((error) => (error ? reject(error) : resolve()));
					});
					await database.write(writes);
				},
			},
			consumers: ["default"],
			maxLifetimeSeconds: 604_800,
			retention,
			room,
			...clocksOf(clock),
			log,
		}),
	);
	const done: number[] = [];
	const append = (n: number) =>
		buffer.append([sample(n)]).finally(() => done.push(n));
	return { append, buffer, database, done, held };
}

test("appends that wait for a write are written together, and each is answered after its write", async (t) => {
	const { append, buffer, database, done, held } = await openHeld(t);
	const first = append(0);
	await eventually("the first is written", () => held.length === 1);
	const rest = [1, 2, 3, 4].map(append);
	await setImmediate();
	assert.deepEqual(done, []);
	held[0]?.();
	await first;
	await eventually("the rest is written", () => held.length === 2);
	assert.deepEqual(done, [0]);
	assert.deepEqual(await keysOf(database), ["m-1500000000"]);
	held[1]?.();
	await Promise.all(rest);
	assert.deepEqual(done, [0, 1, 2, 3, 4]);
	assert.equal((await keysOf(database)).length, 5);
	const samples = await buffer.peek("default", all);
	assert.deepEqual(numbers(samples), [0, 1, 2, 3, 4]);
});

test("a failed write is reported to all appends in it, and to no others", async (t) => {
	const { append, database, held } = await openHeld(t);
	const first = append(0);
	await eventually("the first is written", () => held.length === 1);
	const failed = Promise.allSettled([1, 2].map(append));
	await setImmediate();
	held[0]?.();
	await first;
	await eventually("the next are written", () => held.length === 2);
	const last = append(3);
	held[1]?.(new Error("no space"));
	assert.deepEqual(
		(await failed).map(
			(one) => one.status === "rejected" && one.reason.message,
		),
		["no space", "no space"],
	);
	await eventually("the last is written", () => held.length === 3);
	held[2]?.();
	await last;
	assert.equal((await keysOf(database)).length, 2);
});

test("large appends are written separately", async (t) => {
	const { buffer, held } = await openHeld(t);
	const large = [
		{ hostname: "h".repeat(1_100_000), timestamp: 0, metrics: {} },
	];
	const appends = [1, 2, 3].map(() => buffer.append(large));
	for (let n = 1; n <= 3; n++) {
		await eventually("one is written", () => held.length === n);
		await setImmediate();
		assert.equal(held.length, n);
		held[n - 1]?.();
	}
	await Promise.all(appends);
});

test("a leased batch is not given to others, and is delivered again unchanged under its id", async (t) => {
	const { buffer, clock, database, directory } = await openBuffer(t);
	await buffer.append([sample(1)]);
	clock.seconds++;
	await buffer.append([sample(2)]);
	const batch = await buffer.lease("default", one, 10_000);
	assert.deepEqual(numbers(batch?.samples), [1]);
	assert.equal(batch?.lease.expiresAt, (clock.seconds + 10) * 1000);
	const second = await buffer.lease("default", all, 10_000);
	assert.deepEqual(numbers(second?.samples), [2]);
	assert.equal(await buffer.lease("default", all, 1000), undefined);
	assert.deepEqual((await buffer.take(all)).samples, []);
	assert.deepEqual(numbers(await buffer.peek("default", all)), [1, 2]);

	await database.close();
	const again = await openBuffer(t, { directory, seconds: clock.seconds });
	assert.equal(await again.buffer.lease("default", all, 1000), undefined);
	again.clock.seconds += 11;
	// later data of the same second is not part of the batch
	const back = await again.buffer.lease("default", all, 1000);
	assert.equal(back?.lease.batchId, batch?.lease.batchId);
	assert.deepEqual(back?.samples, batch?.samples);
});

test("an acknowledgement deletes exactly its batch, and can be repeated", async (t) => {
	const { buffer, database } = await openBuffer(t);
	await buffer.append([sample(1)]);
	const batch = await buffer.lease("default", all, 10_000);
	await buffer.append([sample(2)]); // in the same second
	const id = batch?.lease.batchId ?? "";
	await buffer.acknowledge(id, undefined);
	await buffer.acknowledge(id, "default");
	await buffer.acknowledge("unknown", undefined);
	assert.deepEqual(numbers(await buffer.peek("default", all)), [2]);
	assert.deepEqual(await keysOf(database), ["m-1500000000-000001"]);
	await buffer.append([sample(3)]);
	await buffer.acknowledge(id, undefined);
	assert.deepEqual(await drained(buffer), [2, 3]);
});

test("only the consumer that leased a batch can acknowledge it", async (t) => {
	const { buffer } = await openBuffer(t, { consumers: ["a", "b"] });
	await buffer.append([sample(1)]);
	const batch = await buffer.lease("a", all, 10_000);
	await assert.rejects(buffer.acknowledge(batch?.lease.batchId ?? "", "b"), {
		code: "bad-request",
		message: /^consumer: batch \w+ was leased by a, not b$/,
	});
});

test("an expired lease can be drained, which ends it", async (t) => {
	const { buffer, clock, database } = await openBuffer(t);
	await buffer.append([sample(1)]);
	await buffer.lease("default", all, 1000);
	clock.seconds += 2;
	const taken = await buffer.take(all);
	assert.deepEqual(numbers(taken.samples), [1]);
	assert.equal(await buffer.lease("default", all, 1000), undefined);
	await taken.confirm();
	assert.equal(await buffer.lease("default", all, 1000), undefined);
	assert.deepEqual(await keysOf(database), []);
});

test("a late acknowledgement deletes what a drain has left of its batch", async (t) => {
	const { buffer, clock } = await openBuffer(t);
	for (let n = 0; n < 3; n++) {
		await buffer.append([sample(n)]);
		clock.seconds++;
	}
	const batch = await buffer.lease("default", all, 1000);
	assert.deepEqual(numbers(batch?.samples), [0, 1, 2]);
	clock.seconds += 2;
	const taken = await buffer.take(one);
	assert.deepEqual(numbers(taken.samples), [0]);
	await taken.confirm();
	await buffer.acknowledge(batch?.lease.batchId ?? "", undefined);
	assert.deepEqual(await drained(buffer), []);
});

test("an entry with very many samples can be leased again", async (t) => {
	const { buffer, clock, database } = await openBuffer(t);
	const many = Array.from({ length: 200_000 }, (_, n) => sample(n));
	await database.write([{ put: "m-1499999999", value: JSON.stringify(many) }]);
	const large = { seconds: 60, bytes: 1 };
	assert.equal(
		(await buffer.lease("default", large, 1000))?.samples.length,
		200_000,
	);
	clock.seconds += 2;
	assert.equal(
		(await buffer.lease("default", large, 1000))?.samples.length,
		200_000,
	);
});

test("data that only a removed consumer had not acknowledged is deleted at the next start", async (t) => {
	const consumers = ["default", "old"];
	const { buffer, database, directory } = await openBuffer(t, { consumers });
	await buffer.append([sample(1)]);
	await buffer.lease("old", all, 1000);
	assert.deepEqual(await drained(buffer), [1]);
	await database.close();
	const again = await openBuffer(t, { directory });
	await again.buffer.peek("default", all);
	assert.deepEqual(await keysOf(again.database), []);
});

test("an acknowledgement does not mark deleted data", async (t) => {
	const consumers = ["default", "b"];
	const { buffer, clock, database } = await openBuffer(t, { consumers });
	await buffer.append([sample(1)]);
	const forB = await buffer.lease("b", all, 1000);
	await buffer.acknowledge(forB?.lease.batchId ?? "", undefined);
	const batch = await buffer.lease("default", all, 1000);
	clock.seconds += 2;
	const taken = await buffer.take(all);
	await buffer.acknowledge(batch?.lease.batchId ?? "", undefined);
	await taken.confirm();
	assert.deepEqual(await keysOf(database), []);
});

test("data is deleted once every consumer has acknowledged it", async (t) => {
	const consumers = ["default", "long-term"];
	const { buffer, database, directory } = await openBuffer(t, { consumers });
	await buffer.append([sample(1)]);
	assert.deepEqual(await drained(buffer), [1]);
	assert.deepEqual(numbers(await buffer.peek("long-term", all)), [1]);
	assert.deepEqual(await buffer.peek("default", all), []);
	await database.close();
	const again = await openBuffer(t, { consumers, directory });
	assert.deepEqual((await again.buffer.take(all)).samples, []);
	const batch = await again.buffer.lease("long-term", all, 1000);
	assert.deepEqual(numbers(batch?.samples), [1]);
	await again.buffer.acknowledge(batch?.lease.batchId ?? "", undefined);
	assert.deepEqual(await keysOf(again.database), []);
});

test("retention deletes data older than the lifetime after a write, whether acknowledged or not", async (t) => {
	const { buffer, clock, database, lines } = await openBuffer(t, {
		consumers: ["default", "b"],
		maxLifetimeSeconds: 10,
	});
	await buffer.append([sample(1)]);
	await (await buffer.take(all)).confirm();
	await buffer.lease("b", all, 1000);
	clock.seconds += 10;
	await buffer.append([sample(2)]);
	assert.deepEqual(numbers(await buffer.peek("b", all)), [1, 2]);
	clock.seconds += 1;
	assert.deepEqual(numbers(await buffer.peek("b", all)), [1, 2]);
	await buffer.append([sample(3)]);
	assert.deepEqual(numbers(await buffer.peek("b", all)), [2, 3]);
	assert.deepEqual(await keysOf(database), ["m-1500000010", "m-1500000011"]);
	assert.match(lines.join("\n"), /warning metrics older than 10 seconds/);
	const batch = await buffer.lease("b", all, 1000);
	assert.deepEqual(numbers(batch?.samples), [2, 3]);
});

test("retention deletes data that arrived while the clock was set back by its own timestamp", async (t) => {
	const { buffer, clock } = await openBuffer(t, { maxLifetimeSeconds: 10 });
	await buffer.append([sample(1)]);
	clock.seconds -= 5;
	await buffer.append([sample(2)]);
	clock.seconds += 11;
	await buffer.append([sample(3)]);
	assert.deepEqual(numbers(await buffer.peek("default", all)), [1, 3]);
	clock.seconds += 5;
	await buffer.append([sample(4)]);
	assert.deepEqual(numbers(await buffer.peek("default", all)), [3, 4]);
});

test("retention reads the store only when the oldest data may have expired", async (t) => {
	const { clock, database, log, retention, room } = await openBuffer(t);
	let asked = 0;
	const buffer = decoding(
		createMetricBuffer({
			database: {
				...database,
				clear: (...range) => {
					asked++;
					return database.clear(...range);
				},
			},
			consumers: ["default"],
			maxLifetimeSeconds: 10,
			retention,
			room,
			...clocksOf(clock),
			log,
		}),
	);
	for (let n = 0; n < 22; n++) {
		await buffer.append([sample(n)]);
		clock.seconds += n % 2;
	}
	assert.equal(asked, 1);
	await buffer.append([sample(22)]);
	assert.deepEqual((await drained(buffer)).slice(0, 2), [2, 3]);
	// reads of the metrics, and of the consumers' acknowledgements
	assert.equal(asked, 3);
});

test("an unreadable value is moved aside once and blocks nothing", async (t) => {
	const { buffer, clock, database, lines } = await openBuffer(t);
	const bad = ["rubbish", "{}", '[{"hostname"', "\r\ufffd"];
	for (const [n, value] of bad.entries())
		await database.write([{ put: `m-14999999${90 + n}`, value }]);
	await buffer.append([sample(1)]);
	clock.seconds++;
	assert.deepEqual(await drained(buffer), [1]);
	assert.deepEqual(
		await keysOf(database),
		bad.map((_, n) => `x-m-14999999${90 + n}`),
	);
	assert.equal(lines.filter((line) => /cannot be read/.test(line)).length, 4);
	assert.equal(database.damages.count, 4);
	assert.match(database.damages.last?.reason ?? "", /^m-1499999993 is damaged/);
	assert.deepEqual(await drained(buffer), []);
	assert.equal(lines.filter((line) => /cannot be read/.test(line)).length, 4);
});

test("a database of v1 is drained in order", async (t) => {
	const directory = join(await temporaryDirectory(t), "db");
	await cp("test/fixtures/original-db", directory, { recursive: true });
	const { metric } = JSON.parse(
		await readFile("test/fixtures/original-db.expected.json", "utf8"),
	) as { metric: { metric_data: unknown[] } };
	const { buffer, lines } = await openBuffer(t, {
		directory,
		seconds: 1_795_342_700,
	});
	const taken = await buffer.take(all);
	assert.deepEqual(taken.samples, metric.metric_data);
	await taken.confirm();
	assert.deepEqual(await drained(buffer), []);
	assert.doesNotMatch(lines.join("\n"), /cannot be read/);
});
