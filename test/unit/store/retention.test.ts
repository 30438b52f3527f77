import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createMachineStates } from "../../../src/store/machine-states.ts";
import {
	all,
	clocksOf,
	keysOf,
	numbers,
	one,
	openBuffer,
	sample,
} from "../../support/metric-buffer.ts";

const minute = 60;
const hour = 3600;
const day = 86_400;

const peeked = async ({
	buffer,
}: Pick<Awaited<ReturnType<typeof openBuffer>>, "buffer">) =>
	numbers(await buffer.peek("default", all));

/** Clock settings that would delete everything if retention used the wall clock alone. */
const wrongClocks = [
	["30 days ahead", 30 * day],
	["8 days ahead", 8 * day],
	["beyond 2286, with one digit more", 9_000_000_000],
	[
		"in 2000, as a machine without a battery has it",
		946_684_800 - 1_500_000_000,
	],
	["in 1980", 315_532_800 - 1_500_000_000],
] as const;

for (const [what, set] of wrongClocks)
	test(`retention deletes nothing because of a clock that is ${what} for ten seconds`, async (t) => {
		const store = await openBuffer(t);
		const { buffer, clock, lines } = store;
		for (let n = 1; n <= 3; n++) {
			await buffer.append([sample(n)]);
			clock.seconds += minute;
		}
		clock.set = set;
		await buffer.append([sample(4)]);
		clock.seconds += 10;
		await buffer.append([sample(5)]);
		clock.set = 0;
		await buffer.append([sample(6)]);
		assert.deepEqual((await peeked(store))?.sort(), [1, 2, 3, 4, 5, 6]);
		assert.doesNotMatch(lines.join("\n"), /removed/);
		assert.match(
			lines.join("\n"),
			set > 0
				? /warning the clock jumped ahead by \d+ days/
				: /warning the clock was set back by \d+ days/,
		);
	});

test("retention uses the elapsed time, and trusts the clock after a day", async (t) => {
	const store = await openBuffer(t);
	const { buffer, clock, lines, retention } = store;
	await buffer.append([sample(1)]);
	clock.set = 8 * day;
	await buffer.append([sample(2)]);
	assert.match(retention.doubt ?? "", /^the clock jumped ahead by 8 days/);
	for (let hours = 0; hours < 24; hours++) {
		assert.deepEqual(await peeked(store), [1, 2], `after ${hours} hours`);
		clock.seconds += hour;
		await buffer.append([]);
		await retention.time();
	}
	await buffer.append([sample(3)]);
	assert.equal(retention.doubt, undefined);
	assert.deepEqual(await peeked(store), [2, 3]);
	const said = lines.filter((line) => /clock/.test(line));
	assert.equal(said.length, 2, said.join("\n"));
	assert.match(said[1] ?? "", /info retention trusts the clock again/);
});

test("retention waits anew when the clock jumps again", async (t) => {
	const { clock, retention } = await openBuffer(t);
	await retention.time();
	const start = clock.seconds;
	clock.set = 8 * day;
	await retention.time();
	clock.seconds += 23 * hour;
	clock.set = 30 * day;
	await retention.time();
	clock.seconds += 23 * hour;
	assert.equal(await retention.time(), (start + 46 * hour) * 1000);
	clock.seconds += hour;
	assert.equal(await retention.time(), (clock.seconds + clock.set) * 1000);
});

test("retention accepts corrections by NTP", async (t) => {
	const { clock, lines, retention } = await openBuffer(t);
	for (let n = 0; n < 100; n++) {
		clock.seconds += minute;
		clock.set += n % 2 ? 30 : 20;
		assert.equal(await retention.time(), (clock.seconds + clock.set) * 1000);
	}
	assert.deepEqual(lines, []);
});

/** A store that is reopened after `seconds`, with the clock set. */
async function reopened(
	t: TestContext,
	first: Awaited<ReturnType<typeof openBuffer>>,
	set: number,
	seconds = 10,
) {
	await first.database.close();
	const { directory, clock } = first;
	const next = await openBuffer(t, {
		directory,
		seconds: clock.seconds + seconds + set,
	});
	return next;
}

test("retention deletes nothing for a day after a start with the clock 30 days ahead", async (t) => {
	const first = await openBuffer(t);
	await first.buffer.append([sample(1)]);
	const second = await reopened(t, first, 30 * day);
	await second.buffer.append([sample(2)]);
	assert.deepEqual(await peeked(second), [1, 2]);
	assert.match(second.lines.join("\n"), /the clock jumped ahead by 30 days/);
	// the newest entry makes it look as if the clock had always been right
	second.clock.seconds += hour;
	await second.buffer.append([sample(3)]);
	const third = await reopened(t, second, 0);
	await third.buffer.append([sample(4)]);
	assert.deepEqual(await peeked(third), [1, 2, 3, 4]);
	// the hour before that restart counts
	third.clock.seconds += 23 * hour;
	await third.buffer.append([sample(5)]);
	assert.deepEqual(await peeked(third), [2, 3, 4, 5]);
});

test("retention trusts the clock at a start after hours of downtime", async (t) => {
	const first = await openBuffer(t, { maxLifetimeSeconds: 60 });
	await first.buffer.append([sample(1)]);
	await first.database.close();
	const second = await openBuffer(t, {
		directory: first.directory,
		maxLifetimeSeconds: 60,
		seconds: first.clock.seconds + 50 * minute,
	});
	await second.buffer.append([sample(2)]);
	assert.deepEqual(await peeked(second), [2]);
});

test("retention keeps leased data until the lease has ended", async (t) => {
	const consumers = ["default", "b"];
	const store = await openBuffer(t, { maxLifetimeSeconds: 10, consumers });
	const { buffer, clock, database } = store;
	const forB = { ...one, seconds: 2 };
	for (let n = 1; n <= 4; n++) {
		await buffer.append([sample(n)]);
		clock.seconds++;
	}
	// another consumer has acknowledged them, which must be remembered
	await (await buffer.take(all)).confirm();
	const batch = await buffer.lease("b", forB, 300_000);
	assert.deepEqual(numbers(batch?.samples), [1, 2]);
	clock.seconds += 20;
	await buffer.append([sample(5)]);
	assert.deepEqual(numbers(await buffer.peek("b", all)), [1, 2, 5]);
	assert.deepEqual(numbers(await buffer.peek("default", all)), [5]);
	await buffer.acknowledge(batch?.lease.batchId ?? "", undefined);
	assert.deepEqual(numbers(await buffer.peek("b", all)), [5]);
	await buffer.lease("b", all, 300_000);
	clock.seconds += 301;
	await buffer.append([sample(6)]);
	assert.deepEqual(numbers(await buffer.peek("b", all)), [6]);
	assert.deepEqual(await keysOf(database), [`m-${clock.seconds}`]);
});

test("a lease expires by elapsed time, however the clock is set", async (t) => {
	for (const set of [-hour, hour]) {
		const { buffer, clock } = await openBuffer(t);
		await buffer.append([sample(1)]);
		const batch = await buffer.lease("default", all, 4_000);
		clock.set = set;
		clock.seconds += 3;
		assert.equal(await buffer.lease("default", all, 4_000), undefined);
		clock.seconds += 1;
		const back = await buffer.lease("default", all, 4_000);
		assert.equal(back?.lease.batchId, batch?.lease.batchId, `set by ${set}`);
	}
});

test("after a restart, a lease runs for its granted length at most", async (t) => {
	const first = await openBuffer(t);
	await first.buffer.append([sample(1)]);
	const batch = await first.buffer.lease("default", all, 4_000);
	const second = await reopened(t, first, -hour, 0);
	assert.equal(await second.buffer.lease("default", all, 4_000), undefined);
	second.clock.seconds += 4;
	const back = await second.buffer.lease("default", all, 4_000);
	assert.equal(back?.lease.batchId, batch?.lease.batchId);
});

test("a temporarily wrong clock deletes no machine states", async (t) => {
	for (const [what, set] of wrongClocks) {
		const { clock, database, log, lines, retention, room } =
			await openBuffer(t);
		const states = createMachineStates({
			database,
			maxLifetimeSeconds: 3 * day,
			retention,
			room,
			now: clocksOf(clock).now,
			log,
		});
		await states.save("first");
		clock.seconds += minute;
		clock.set = set;
		await states.save("second");
		clock.set = 0;
		clock.seconds += minute;
		await states.save("third");
		const texts = await Promise.all((await states.list()).map(states.read));
		assert.deepEqual(texts.sort(), ["first", "second", "third"], what);
		assert.doesNotMatch(lines.join("\n"), /removed/);
		clock.seconds += 3 * day;
		await states.save("last");
		assert.match(lines.join("\n"), /machine states older than/);
	}
});

test("repeated failures of machine states' retention are logged once, as is the recovery", async () => {
	const lines: string[] = [];
	let failure: Error | undefined = new Error("disk: No space left on device");
	const say = (line: string) => lines.push(line);
	const states = createMachineStates({
		database: {
			clear: async () => {
				if (failure) throw failure;
				return false;
			},
			write: async () => {},
			read: async () => undefined,
			keys: async function* () {},
		},
		maxLifetimeSeconds: day,
		retention: { time: async () => 1_500_000_000_000 },
		room: { need: async () => {}, refused: () => {} },
		now: () => 1_500_000_000_000,
		log: { warning: say, error: say },
	});
	for (let n = 0; n < 3; n++) await states.save("state");
	failure = undefined;
	await states.save("state");
	assert.deepEqual(lines, [
		"retention of machine states: disk: No space left on device",
		"retention of machine states: works again after 3 failures",
	]);
});

test("removals every minute are logged once, then hourly with a count", async (t) => {
	const { buffer, clock, lines } = await openBuffer(t, {
		maxLifetimeSeconds: 2 * minute,
	});
	const removed = () => lines.filter((line) => /removed/.test(line));
	for (let n = 0; n < 64; n++) {
		await buffer.append([sample(n)]);
		clock.seconds += minute;
	}
	assert.deepEqual(removed(), [
		"warning metrics older than 120 seconds removed (metrics-max-lifetime-seconds)",
		"warning metrics older than 120 seconds removed (metrics-max-lifetime-seconds) (60 times in the last 60 minutes)",
	]);
});
