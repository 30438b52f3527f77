import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createChildren } from "../../../src/spawn/children.ts";
import { eventually } from "../../support/eventually.ts";

/** Children that end when a test says so. */
function open() {
	const signals = new EventEmitter();
	const dead = new Map<number, [number, number, number, number, number]>();
	const asked: number[] = [];
	const children = createChildren((pid) => {
		asked.push(pid);
		const end = dead.get(pid);
		dead.delete(pid);
		return end;
	}, signals);
	const ends: string[] = [];
	const start = (pid: number) =>
		children.start(
			async () => [pid] as const,
			(end) => ends.push(`${pid} ${end}`),
		);
	return { signals, dead, asked, ends, start, children };
}

test("one signal may stand for many ends, and many signals cause one reaping", async () => {
	const { signals, dead, asked, ends, start } = open();
	for (const pid of [11, 12, 13]) await start(pid);
	await nextTurn();
	asked.length = 0;
	dead.set(11, [0, -1, 0, 0.1, -1]).set(13, [-1, 9, 1, 0.1, -1]);
	signals.emit("SIGCHLD");
	signals.emit("SIGCHLD");
	assert.deepEqual(ends, []);
	await nextTurn();
	assert.deepEqual(ends, ["11 0,-1,0,0.1,-1", "13 -1,9,1,0.1,-1"]);
	assert.deepEqual(asked, [11, 12, 13]);
});

test("listens from before the first child until none is left", async () => {
	const { signals, dead, ends, start, children } = open();
	assert.equal(signals.listenerCount("SIGCHLD"), 0);
	await children.start(
		async () => {
			assert.equal(signals.listenerCount("SIGCHLD"), 1);
			// it ends, and SIGCHLD comes, before its id is known
			dead.set(11, [3, -1, 0, 0.1, -1]);
			signals.emit("SIGCHLD");
			await nextTurn();
			await nextTurn();
			return [11] as const;
		},
		(end) => ends.push(`${end}`),
	);
	assert.deepEqual(ends, []);
	await start(12);
	assert.equal(signals.listenerCount("SIGCHLD"), 1);
	await nextTurn();
	assert.deepEqual(ends, ["3,-1,0,0.1,-1"]);
	dead.set(12, [0, -1, 0, 0.1, -1]);
	signals.emit("SIGCHLD");
	await nextTurn();
	assert.equal(signals.listenerCount("SIGCHLD"), 0);
});

test("a failed start leaves nothing behind", async () => {
	const { signals, children } = open();
	const start = async () => {
		throw new Error("no");
	};
	await assert.rejects(
		children.start(start, () => assert.fail()),
		/no/,
	);
	assert.equal(signals.listenerCount("SIGCHLD"), 0);
});

test("a child may be started when another has ended", async () => {
	const { signals, dead, ends, start, children } = open();
	await children.start(
		async () => [11] as const,
		() => void start(12),
	);
	dead.set(11, [0, -1, 0, 0.1, -1]);
	signals.emit("SIGCHLD");
	await nextTurn();
	assert.equal(signals.listenerCount("SIGCHLD"), 1);
	dead.set(12, [0, -1, 0, 0.1, -1]);
	signals.emit("SIGCHLD");
	await nextTurn();
	assert.deepEqual(ends, ["12 0,-1,0,0.1,-1"]);
});

test("reaps orphans although a start hangs, and takes no start's child for one", async () => {
	const zombies = [21, 22];
	const signals = new EventEmitter();
	const children = createChildren(
		(pid) => {
			const at = zombies.indexOf(pid);
			if (at < 0) return undefined;
			zombies.splice(at, 1);
			return [pid, -1, 0, 0.1, -1];
		},
		signals,
		() => zombies[0] ?? 0,
		20,
	);
	let tell: (child: readonly [number]) => void = () => {};
	const hanging = children.start(
		() => new Promise<readonly [number]>((resolve) => (tell = resolve)),
		() => {},
	);
	await eventually("both are waited for", () => zombies.length === 0);
	// another start returns its id after its child has ended
	zombies.push(11, 23);
	signals.emit("SIGCHLD");
	const ends: number[] = [];
	await children.start(
		async () => {
			await nextTurn();
			await nextTurn();
			return [11] as const;
		},
		([status]) => ends.push(status),
	);
	await eventually("the third is waited for", () => zombies.length === 0);
	assert.deepEqual(ends, [11]);
	tell([31]);
	await hanging;
});
