import assert from "node:assert/strict";
import { test } from "node:test";
import { createLoopTurns } from "../../src/turn.ts";

/** Asks for turns, and tells in which turn of the event loop each came. */
async function turnsOf(perLoop: number, clients: readonly string[]) {
	const turns = createLoopTurns(perLoop);
	const came: string[][] = [];
	let left = clients.length;
	for (const [at, client] of clients.entries())
		turns(() => {
			left--;
			came.at(-1)?.push(`${client}${at}`);
		}, client);
	while (left > 0) {
		came.push([]);
		await new Promise(setImmediate);
	}
	return came;
}

test("at most so many streams read on in a turn of the event loop, in order", async () => {
	assert.deepEqual(await turnsOf(2, ["a", "a", "a", "a", "a"]), [
		["a0", "a1"],
		["a2", "a3"],
		["a4"],
	]);
});

test("a client does not wait for all streams of another", async () => {
	assert.deepEqual(await turnsOf(2, ["a", "a", "a", "a", "b", "c"]), [
		["a0", "b4"],
		["c5", "a1"],
		["a2", "a3"],
	]);
});

test("without a limit, all read on in the next turn; those that ask again in the one after it", async () => {
	const turns = createLoopTurns(Number.POSITIVE_INFINITY);
	const came: number[] = [];
	let turn = 0;
	const readOn = () => {
		came.push(turn);
		if (came.length < 6) turns(readOn);
	};
	for (let n = 0; n < 3; n++) turns(readOn);
	for (; turn < 3; turn++) await new Promise(setImmediate);
	assert.deepEqual(came, [0, 0, 0, 1, 1, 1, 2, 2]);
});
