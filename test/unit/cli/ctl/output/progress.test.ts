import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { mock, test } from "node:test";
import {
	barText,
	createProgress,
} from "../../../../../cli/ctl/output/progress.ts";

function recorder() {
	let text = "";
	const stream = new Writable({
		write(chunk: Buffer, _encoding, done) {
			text += chunk;
			done();
		},
	});
	return { stream, text: () => text };
}

test("progress appears after a second, fits the line, and disappears", async (t) => {
	mock.timers.enable({ apis: ["setInterval"] });
	t.after(() => mock.timers.reset());
	const { stream, text } = recorder();
	let now = 0;
	const pass = (milliseconds: number) => {
		for (let at = 0; at < milliseconds; at += 250) {
			now += 250;
			mock.timers.tick(250);
		}
	};
	const { during, clear } = createProgress(stream, 30, () => now);
	let end = () => {};
	const done = during(
		() => `waiting for ${"x".repeat(40)}`,
		() => new Promise<void>((resolve) => (end = resolve)),
	);
	pass(750);
	assert.equal(text(), "");
	pass(250);
	assert.equal(text(), `\r\x1b[2Kwaiting for ${"x".repeat(10)}… (1 s)`);
	clear();
	assert.ok(text().endsWith("\r\x1b[2K"));
	pass(1000);
	assert.ok(text().endsWith("… (2 s)"));
	end();
	await done;
	assert.ok(text().endsWith("\r\x1b[2K"));
	const before = text();
	pass(1000);
	assert.equal(text(), before);
});

test("without a terminal nothing is shown, and the result is that of the work", async () => {
	const { stream, text } = recorder();
	const { during } = createProgress(stream, undefined);
	assert.equal(await during(assert.fail, async () => 5), 5);
	await assert.rejects(
		during(assert.fail, async () => {
			throw new Error("x");
		}),
		/x/,
	);
	assert.equal(text(), "");
});

test("the bar is full when everything is done", () => {
	assert.equal(barText(0, 4), `${"░".repeat(20)} 0/4`);
	assert.equal(barText(4, 4), `${"█".repeat(20)} 4/4`);
});
