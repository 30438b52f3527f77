import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
	createSharing,
	type Shared,
	withAge,
} from "../../../../cli/broker/sharing.ts";

const answer = (output: string, isAnswer = true): Shared => ({
	output,
	status: 0,
	isAnswer,
});

/** Runs that end when a test says so. */
function runs() {
	const started: {
		signal: AbortSignal;
		end(result: Shared): void;
		fail(error: Error): void;
	}[] = [];
	const start = (signal: AbortSignal) =>
		new Promise<Shared>((resolve, reject) => {
			started.push({ signal, end: resolve, fail: reject });
		});
	return { started, start };
}

const never = () => new AbortController().signal;

describe("identical checks", () => {
	it("run each for itself if nothing else is asked for", async () => {
		const sharing = createSharing({ freshMilliseconds: 0, now: () => 0 });
		const { started, start } = runs();
		const asked = [1, 2].map(() => sharing.run("a", never(), start));
		assert.equal(started.length, 2);
		started[0]?.end(answer("one"));
		started[1]?.end(answer("two"));
		assert.deepEqual(
			(await Promise.all(asked)).map(({ output }) => output),
			["one", "two"],
		);
	});

	it("share a run in flight, and its result while that is fresh", async () => {
		let now = 0;
		const sharing = createSharing({ freshMilliseconds: 1_000, now: () => now });
		const { started, start } = runs();
		const asked = [1, 2].map(() => sharing.run("a", never(), start));
		void sharing.run("b", never(), start);
		assert.equal(started.length, 2);
		started[0]?.end(answer("one"));
		for (const result of await Promise.all(asked))
			assert.deepEqual(result, answer("one"));
		now = 999;
		assert.deepEqual(await sharing.run("a", never(), start), {
			...answer("one"),
			ageMilliseconds: 999,
		});
		now = 1_000;
		void sharing.run("a", never(), start);
		assert.equal(started.length, 3);
	});

	it("are not answered with a failure of the past", async () => {
		const sharing = createSharing({ freshMilliseconds: 1_000, now: () => 0 });
		const { started, start } = runs();
		const first = sharing.run("a", never(), start);
		started[0]?.end(answer("connection refused", false));
		await first;
		void sharing.run("a", never(), start);
		assert.equal(started.length, 2);
	});

	it("go on while one waits, and end when all have gone", async () => {
		const sharing = createSharing({ freshMilliseconds: 1_000, now: () => 0 });
		const { started, start } = runs();
		const [one, two] = [new AbortController(), new AbortController()];
		const asked = [one, two].map(({ signal }) =>
			sharing.run("a", signal, start),
		);
		one.abort(new Error("gone"));
		await assert.rejects(asked[0] ?? Promise.resolve(), /gone/);
		assert.equal(started[0]?.signal.aborted, false);
		two.abort(new Error("gone too"));
		await assert.rejects(asked[1] ?? Promise.resolve(), /gone too/);
		assert.equal(started[0]?.signal.aborted, true);
		// whoever comes now does not join what ends
		void sharing.run("a", never(), start);
		assert.equal(started.length, 2);
	});

	it("fail together, with the error of the run", async () => {
		const sharing = createSharing({ freshMilliseconds: 1_000, now: () => 0 });
		const { started, start } = runs();
		const asked = [1, 2].map(() => sharing.run("a", never(), start));
		started[0]?.fail(new Error("broken"));
		for (const one of asked) await assert.rejects(one, /broken/);
	});

	it("keep a thousand results, the last ones", async () => {
		const sharing = createSharing({ freshMilliseconds: 1_000, now: () => 0 });
		let count = 0;
		const start = async () => {
			count++;
			return answer("x");
		};
		for (let n = 0; n < 1_002; n++)
			await sharing.run(String(n), never(), start);
		await sharing.run("1001", never(), start);
		assert.equal(count, 1_002);
		await sharing.run("0", never(), start);
		assert.equal(count, 1_003);
	});
});

describe("the age of a result", () => {
	for (const [output, shown] of [
		["OK\n", "OK (3 s old)\n"],
		["OK - fine | a=1\nmore", "OK - fine (3 s old) | a=1\nmore"],
		["OK", "OK (3 s old)"],
		["", "(3 s old)"],
		["|a=1", "(3 s old)|a=1"],
	] as const)
		it(`${JSON.stringify(output)} becomes ${JSON.stringify(shown)}`, () => {
			assert.equal(
				withAge({ ...answer(output), ageMilliseconds: 2_600 }),
				shown,
			);
			assert.equal(withAge(answer(output)), output);
		});
});
