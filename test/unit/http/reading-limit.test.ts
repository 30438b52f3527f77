import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import { limitReading } from "../../../src/http/reading-limit.ts";

/** A limit of a second, on a clock that a test moves, and responses that are open. */
function setUp(t: TestContext) {
	t.mock.timers.enable({ apis: ["setInterval"] });
	const open = new Set<ServerResponse>();
	const close = limitReading(1000, { open: () => open });
	t.after(close);
	/** One whose answer is complete, or not yet; queued behind another it has no socket. */
	const begin = (writableEnded: boolean, isQueued = false) => {
		const socket = { destroyed: 0, destroy: () => socket.destroyed++ };
		const parts = { writableEnded, socket: isQueued ? null : socket };
		const response = parts as unknown as ServerResponse;
		open.add(response);
		return { parts, socket, over: () => open.delete(response) };
	};
	return { close, begin, pass: () => t.mock.timers.tick(1000) };
}

test("an answer that is not taken ends its connection, not before it had the time", (t) => {
	const { begin, pass } = setUp(t);
	const { socket } = begin(true);
	pass();
	assert.equal(socket.destroyed, 0);
	pass();
	assert.equal(socket.destroyed, 1);
});

test("the time begins when the answer is complete", (t) => {
	const { begin, pass } = setUp(t);
	const { parts, socket } = begin(false);
	for (let n = 0; n < 10; n++) pass();
	parts.writableEnded = true;
	pass();
	assert.equal(socket.destroyed, 0);
	pass();
	assert.equal(socket.destroyed, 1);
});

test("an answer that was taken, or waits for another, ends nothing", (t) => {
	const { begin, pass } = setUp(t);
	const taken = begin(true);
	const queued = begin(true, true);
	pass();
	taken.over();
	pass();
	pass();
	assert.equal(taken.socket.destroyed, 0);
	assert.equal(queued.socket.destroyed, 0);
});

test("closed, it looks at nothing any more", (t) => {
	const { close, begin, pass } = setUp(t);
	const { socket } = begin(true);
	close();
	pass();
	pass();
	assert.equal(socket.destroyed, 0);
});
