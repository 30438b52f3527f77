import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { createMachineStates } from "../../../src/store/machine-states.ts";
import { createRoom } from "../../../src/store/room.ts";
import { recordingLog } from "../../support/agent.ts";
import {
	all,
	clocksOf,
	keysOf,
	openBuffer,
	sample,
} from "../../support/metric-buffer.ts";

const mebibyte = 1024 * 1024;

/** A sample of `bytes` bytes, which do not compress. */
const large = (n: number, bytes = 100_000) => ({
	...sample(n),
	hostname: randomBytes(bytes / 2).toString("hex"),
});

type Store = Awaited<ReturnType<typeof openBuffer>>;

/** Appends until the store is full. @returns how many samples fitted */
async function fill({ buffer, clock }: Store) {
	for (let n = 0; n < 100; n++) {
		clock.seconds++;
		try {
			await buffer.append([large(n)]);
		} catch (error) {
			assert.match(
				String(error),
				/the store is full: it has reached max-store-bytes \(1048576\)/,
			);
			return n;
		}
	}
	throw new Error("never full");
}

test("beyond max-store-bytes appends are refused, stored data is kept, and drains work", async (t) => {
	const store = await openBuffer(t, { maxStoreBytes: mebibyte });
	const { buffer, clock, database, lines, room } = store;
	const fitted = await fill(store);
	assert.ok(fitted >= 5 && fitted <= 10, `${fitted}`);
	await assert.rejects(buffer.append([sample(1)]), {
		code: "store-full",
	});
	assert.equal((await keysOf(database)).length, fitted);
	assert.ok((await database.diskBytes()) <= mebibyte);
	assert.match(room.full ?? "", /^it has reached max-store-bytes/);
	assert.equal(room.refusals, 2);
	const said = () =>
		lines.filter((line) => /store (is full|has room)/.test(line));
	assert.equal(said().length, 1, lines.join("\n"));

	const batch = await buffer.lease("default", { ...all, seconds: 1 }, 1000);
	await buffer.acknowledge(batch?.lease.batchId ?? "", undefined);
	for (;;) {
		const taken = await buffer.take(all);
		await taken.confirm();
		if (taken.samples.length === 0) break;
	}
	assert.deepEqual(await keysOf(database), []);
	// LevelDB frees no space by itself while nothing is written
	clock.seconds += 10;
	await buffer.append([large(0)]);
	assert.equal(room.full, undefined);
	assert.ok((await database.diskBytes()) < mebibyte / 2);
	assert.equal(said().length, 2);
	assert.match(said()[1] ?? "", /has room again; 2 writes were refused/);
});

test("a full store still deletes expired data, and then has room", async (t) => {
	const store = await openBuffer(t, {
		maxStoreBytes: mebibyte,
		maxLifetimeSeconds: 600,
	});
	await fill(store);
	store.clock.seconds += 700;
	await store.buffer.append([large(0)]);
	assert.equal((await keysOf(store.database)).length, 2); // and the time
});

test("writes are refused while less than min-free-bytes are free", async (t) => {
	const store = await openBuffer(t, { minFreeBytes: 50 * mebibyte });
	const { buffer, clock, database, disk, log, retention, room } = store;
	const states = createMachineStates({
		database,
		maxLifetimeSeconds: 86_400,
		retention,
		room,
		now: clocksOf(clock).now,
		log,
	});
	await buffer.append([sample(1)]);
	await states.save("first");
	disk.free = 50 * mebibyte - 1;
	clock.seconds += 10;
	const reason =
		/^the store is full: its file system has less than min-free-bytes \(52428800\) free$/;
	await assert.rejects(buffer.append([sample(2)]), { message: reason });
	await assert.rejects(states.save("second"), { message: reason });
	disk.free = 51 * mebibyte;
	clock.seconds += 10;
	await states.save("third");
	await buffer.append([sample(3)]);
	assert.equal(room.refusals, 2);
	assert.equal((await keysOf(database)).length, 4);
});

test("sizes are measured every ten seconds, or when a limit seems to be exceeded", async () => {
	let measured = 0;
	let size = 0;
	let milliseconds = 0;
	const { log } = recordingLog();
	const room = createRoom({
		database: {
			directory: "/nowhere",
			diskBytes: async () => {
				measured++;
				return size;
			},
		},
		maxBytes: 1000,
		minFreeBytes: 1,
		elapsed: () => milliseconds,
		log,
	});
	for (let n = 0; n < 10; n++) await room.need(100);
	assert.equal(measured, 1);
	// the data takes less space on disk than was written
	size = 300;
	await room.need(100);
	assert.equal(measured, 2);
	milliseconds += 10_000;
	await room.need(100);
	assert.equal(measured, 3);
	size = 1000;
	await assert.rejects(room.need(900));
	for (let n = 0; n < 10; n++) await assert.rejects(room.need(1));
	assert.equal(measured, 4);
	size = 990;
	milliseconds += 10_000;
	await assert.rejects(room.need(1), "it has no slack yet");
	size = 900;
	milliseconds += 10_000;
	await assert.rejects(room.need(1), "another one wanted 900");
	size = 80;
	milliseconds += 10_000;
	await room.need(1);
});
