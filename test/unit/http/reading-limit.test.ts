import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import { createReadingLimit } from "../../../src/http/reading-limit.ts";

/** A limit of a second, on a clock that a test moves, and responses it watches. */
function setUp(t: TestContext) {
	t.mock.timers.enable({ apis: ["setInterval"] });
	const overs: (() => void)[] = [];
	const limit = createReadingLimit(1000, {
		whenOver: (_request, _response, callback) => overs.push(callback),
	});
	t.after(limit.close);
	/** One whose answer is complete, or not yet; queued behind another it has no socket. */
	const watch = (writableEnded: boolean, isQueued = false) => {
		const socket = { destroyed: 0, destroy: () => socket.destroyed++ };
		const response = { writableEnded, socket: isQueued ? null : socket };
		limit.watch({} as IncomingMessage, response as unknown as ServerResponse);
		return { response, socket, over: overs.at(-1) ?? assert.fail() };
	};
	return { limit, watch, pass: () => t.mock.timers.tick(1000) };
}

test("an answer that is not taken ends its connection, not before it had the time", (t) => {
	const { watch, pass } = setUp(t);
	const { socket } = watch(true);
	pass();
	assert.equal(socket.destroyed, 0);
	pass();
	assert.equal(socket.destroyed, 1);
});

test("the time begins when the answer is complete", (t) => {
	const { watch, pass } = setUp(t);
	const { response, socket } = watch(false);
	for (let n = 0; n < 10; n++) pass();
	response.writableEnded = true;
	pass();
	assert.equal(socket.destroyed, 0);
	pass();
	assert.equal(socket.destroyed, 1);
});

test("an answer that was taken, or waits for another, ends nothing", (t) => {
	const { watch, pass } = setUp(t);
	const taken = watch(true);
	const queued = watch(true, true);
	pass();
	taken.over();
	pass();
	pass();
	assert.equal(taken.socket.destroyed, 0);
	assert.equal(queued.socket.destroyed, 0);
});

test("closed, it looks at nothing any more", (t) => {
	const { limit, watch, pass } = setUp(t);
	const { socket } = watch(true);
	limit.close();
	pass();
	pass();
	assert.equal(socket.destroyed, 0);
});
