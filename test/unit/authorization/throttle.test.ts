import assert from "node:assert/strict";
import { test } from "node:test";
import { Abandoning } from "../../../src/abandonment.ts";
import {
	createThrottle,
	Throttled,
} from "../../../src/authorization/throttle.ts";

const patience = (milliseconds: number, signal = new Abandoning()) => ({
	milliseconds,
	signal,
});

const rate = (perSecond: number) => ({ rate: perSecond, atOnce: undefined });
const atOnce = (limit: number) => ({ rate: undefined, atOnce: limit });

/** A throttle whose clock moves only when a test says so. */
function withClock() {
	let now = 1_000;
	return {
		throttle: createThrottle(() => now),
		pass: (milliseconds: number) => {
			now += milliseconds;
		},
	};
}

test("a second's worth of calls may come at once, then the rate holds", async () => {
	const { throttle, pass } = withClock();
	for (let call = 0; call < 20; call++)
		await throttle.enter("a", rate(20), patience(0));
	await assert.rejects(throttle.enter("a", rate(20), patience(0)), {
		name: "Throttled",
		message: "over the rate of 20 calls a second",
		retryAfterSeconds: 1,
	});
	// another caller has a count of its own
	await throttle.enter("b", rate(20), patience(0));
	pass(50);
	await throttle.enter("a", rate(20), patience(0));
	await assert.rejects(throttle.enter("a", rate(20), patience(0)), Throttled);
});

test("a slow rate is told by the minute, and when to come again", async () => {
	const { throttle } = withClock();
	const slow = rate(2 / 60);
	await throttle.enter("a", slow, patience(0));
	await assert.rejects(throttle.enter("a", slow, patience(10_000)), {
		message: "over the rate of 2 calls a minute",
		retryAfterSeconds: 30,
	});
});

test("a call waits for its turn as long as its client does", async () => {
	const throttle = createThrottle();
	const slow = rate(2);
	for (let call = 0; call < 2; call++)
		await throttle.enter("a", slow, patience(0));
	await assert.rejects(throttle.enter("a", slow, patience(0)), Throttled);
	await throttle.enter("a", slow, patience(5_000));
	const leaving = new Abandoning();
	const waiting = throttle.enter("a", rate(0.2), patience(60_000, leaving));
	leaving.abort();
	await assert.rejects(waiting, /aborted/);
});

test("calls in progress wait for a place, in the order of arrival", async () => {
	const throttle = createThrottle();
	const leaveFirst = await throttle.enter("a", atOnce(2), patience(0));
	await throttle.enter("a", atOnce(2), patience(0));
	await assert.rejects(throttle.enter("a", atOnce(2), patience(0)), {
		message: "over the limit of 2 calls at once",
		retryAfterSeconds: 1,
	});
	const order: string[] = [];
	const enter = async (name: string) => {
		const leave = await throttle.enter("a", atOnce(2), patience(60_000));
		order.push(name);
		return leave;
	};
	const third = enter("third");
	const fourth = enter("fourth");
	leaveFirst();
	// a second call has no effect
	leaveFirst();
	(await third)();
	await fourth;
	assert.deepEqual(order, ["third", "fourth"]);
});

test("a call that waits for a smaller limit holds up nobody with a greater one", async () => {
	const throttle = createThrottle();
	const leave = await throttle.enter("a", atOnce(1), patience(0));
	const waiting = throttle.enter("a", atOnce(1), patience(60_000));
	// the policy permits more by now
	const leaveToo = await throttle.enter("a", atOnce(2), patience(0));
	await assert.rejects(throttle.enter("a", atOnce(2), patience(0)), Throttled);
	leave();
	leaveToo();
	(await waiting)();
});

test("callers that leave while they wait take no place", async () => {
	const throttle = createThrottle();
	let running = 0;
	let most = 0;
	const call = async () => {
		const leaving = new Abandoning();
		const entering = throttle.enter("a", atOnce(3), patience(60_000, leaving));
		setImmediate(() => leaving.abort());
		const leave = await entering.catch(() => undefined);
		if (!leave) return;
		running++;
		most = Math.max(most, running);
		// a command takes a moment to end, even if nobody wants its result
		await new Promise((resolve) => setTimeout(resolve, 5));
		running--;
		leave();
	};
	await Promise.all(Array.from({ length: 900 }, call));
	assert.equal(most, 3);
	const leaves = await Promise.all(
		[1, 2, 3].map(() => throttle.enter("a", atOnce(3), patience(0))),
	);
	for (const leave of leaves) leave();
});

test("forgetting keeps what is in progress", async () => {
	const { throttle, pass } = withClock();
	await throttle.enter("a", atOnce(1), patience(0));
	await throttle.enter("b", rate(1), patience(0));
	throttle.forget();
	await assert.rejects(throttle.enter("a", atOnce(1), patience(0)), Throttled);
	await assert.rejects(throttle.enter("b", rate(1), patience(0)), Throttled);
	pass(1_000);
	throttle.forget();
	await throttle.enter("b", rate(1), patience(0));
});
