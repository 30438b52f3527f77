import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { listen } from "../../src/listen.ts";
import { loadNativeAddon } from "../../src/spawn/native-addon.ts";
import { eventually } from "../support/eventually.ts";
import { openWire } from "../support/wire.ts";

describe("listening", () => {
	/** Connects `count` clients at once; returns in which turns of the event loop they are accepted. */
	async function acceptedIn(
		t: TestContext,
		count: number,
		duplicate?: (descriptor: number) => number,
	) {
		let turn = 0;
		const next = () => {
			turn++;
			counting = setImmediate(next);
		};
		let counting = setImmediate(next);
		t.after(() => clearImmediate(counting));
		const turns: number[] = [];
		const { address, close } = await listen(
			{ port: 0, host: "127.0.0.1" },
			(socket) => {
				turns.push(turn);
				socket.destroy();
			},
			duplicate,
		);
		const { port } = address;
		for (let n = 0; n < count; n++)
			openWire(t, { port, plain: true }).opened.catch(() => {});
		await eventually("all are accepted", () => turns.length === count);
		await close();
		return turns;
	}

	it("accepts many connections in one turn of the event loop", async (t) => {
		const addon = loadNativeAddon();
		assert.ok(!("reason" in addon));
		const turns = new Set(await acceptedIn(t, 64, addon.duplicate));
		assert.ok(turns.size <= 16, `${turns.size} turns for 64 connections`);
	});

	it("accepts all of them without other descriptors", async (t) => {
		assert.equal((await acceptedIn(t, 64)).length, 64);
	});
});
