import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { HopLane, type Job, Lanes } from "../../../../cli/collector/lanes.ts";

class TestJob implements Job {
	kind: 0 | 1 = 0;
	begunAt = 0;
	isSlow: boolean;
	readonly lane: HopLane<this>;
	readonly name: string;

	constructor(name: string, lane: HopLane<TestJob>, isSlow = false) {
		this.name = name;
		this.lane = lane as HopLane<this>;
		this.isSlow = isSlow;
	}
}

/** Lanes whose jobs end when the test says so. */
function lanesOf(limits: ConstructorParameters<typeof Lanes>[0]) {
	const begun: string[] = [];
	const ends = new Map<string, () => void>();
	const clock = { now: 0 };
	const lanes = new Lanes<TestJob>(
		limits,
		({ name }) => {
			begun.push(name);
			return new Promise((resolve) => ends.set(name, resolve));
		},
		() => clock.now,
	);
	const end = async (name: string) => {
		ends.get(name)?.();
		await turn();
	};
	return { lanes, begun, end, clock };
}

const limits = { all: 4, each: 2, allSlow: 2, eachSlow: 1 };

test("hops take turns, and one hop has a limited number of places", async () => {
	const { lanes, begun, end } = lanesOf(limits);
	const gate = new HopLane<TestJob>();
	const other = new HopLane<TestJob>();
	for (const name of ["g1", "g2", "g3", "g4"])
		lanes.add(new TestJob(name, gate));
	assert.deepEqual(begun, ["g1", "g2"]);
	for (const name of ["o1", "o2", "o3"]) lanes.add(new TestJob(name, other));
	assert.deepEqual(begun, ["g1", "g2", "o1", "o2"]);
	assert.equal(lanes.waiting, 3);
	await end("g1");
	await end("g2");
	await end("o1");
	assert.deepEqual(begun.slice(4), ["g3", "g4", "o3"]);
	assert.equal(lanes.waiting, 0);
});

test("hosts that failed delay only hosts that failed", async () => {
	const { lanes, begun, end } = lanesOf(limits);
	for (const name of ["d1", "d2", "d3", "d4", "d5"])
		lanes.add(new TestJob(name, new HopLane(), true));
	assert.deepEqual(begun, ["d1", "d2"]);
	for (const name of ["a1", "a2", "a3", "a4"])
		lanes.add(new TestJob(name, new HopLane()));
	assert.deepEqual(begun.slice(2), ["a1", "a2", "a3", "a4"]);
	await end("d1");
	assert.deepEqual(begun.slice(6), ["d3"]);
});

test("behind one bastion, too", () => {
	const { lanes, begun } = lanesOf(limits);
	const gate = new HopLane<TestJob>();
	for (const name of ["d1", "d2"]) lanes.add(new TestJob(name, gate, true));
	for (const name of ["a1", "a2"]) lanes.add(new TestJob(name, gate));
	assert.deepEqual(begun, ["d1", "a1", "a2"]);
});

test("what takes long leaves its place to others", () => {
	const { lanes, begun, clock } = lanesOf({ ...limits, maxTurnedSlow: 3 });
	for (const name of ["s1", "s2", "s3", "s4"])
		lanes.add(new TestJob(name, new HopLane()));
	for (const name of ["a1", "a2", "a3", "a4"])
		lanes.add(new TestJob(name, new HopLane()));
	clock.now = 900;
	lanes.review();
	assert.equal(begun.length, 4);
	clock.now = 1_100;
	lanes.review();
	// three of them: then the limit is reached
	assert.deepEqual(begun.slice(4), ["a1", "a2", "a3"]);
	assert.equal(lanes.running, 7);
});

test("it stops when the running ones have ended", async () => {
	const { lanes, begun, end } = lanesOf(limits);
	const gate = new HopLane<TestJob>();
	for (const name of ["g1", "g2", "g3"]) lanes.add(new TestJob(name, gate));
	let isStopped = false;
	const stopped = lanes.stop().then(() => {
		isStopped = true;
	});
	lanes.add(new TestJob("late", new HopLane()));
	await end("g1");
	assert.equal(isStopped, false);
	await end("g2");
	await stopped;
	assert.deepEqual(begun, ["g1", "g2"]);
	assert.equal(lanes.waiting, 0);
});

test("a lane without waiting jobs holds no memory, however many have passed", async () => {
	setFlagsFromString("--expose-gc");
	const collectGarbage: () => void = runInNewContext("gc");
	const lanes = new Lanes<TestJob>(limits, async () => {});
	const jobs = Array.from(
		{ length: 1_000 },
		(_, number) => new TestJob(`${number}`, new HopLane()),
	);
	const passes = async (count: number) => {
		for (let pass = 0; pass < count; pass++) {
			for (const job of jobs) lanes.add(job);
			await new Promise(setImmediate);
		}
		collectGarbage();
		return process.memoryUsage().heapUsed;
	};
	const before = await passes(20);
	// 8,000 bytes for each lane if their places were kept
	assert.ok((await passes(900)) - before < 4_000_000);
});
