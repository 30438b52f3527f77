import assert from "node:assert/strict";
import { test } from "node:test";
import {
	createFileTurn,
	FileHangs,
	untilAnswered,
} from "../../src/polled-files.ts";
import { recordingLog } from "../support/agent.ts";
import { eventually } from "../support/eventually.ts";
import { hangingFiles } from "../support/hanging-files.ts";

const files = ["/a.pub", "/a.key"];

/** Whether empty work is refused because of the given file. */
const hangs = (file: string) => (error: unknown) => {
	assert.ok(error instanceof FileHangs);
	assert.equal(error.file, file);
	assert.equal(error.message, "the file system does not answer");
	return true;
};

test("while a look hangs, work is refused and no other look begins; refused work never runs", async () => {
	const { look, asked, hang } = hangingFiles();
	const inOrder = createFileTurn({ files, look, lateMilliseconds: 20 });
	const done: number[] = [];
	const work = (n: number) =>
		inOrder(async () => {
			done.push(n);
			return n;
		});
	assert.deepEqual(await Promise.all([work(1), work(2)]), [1, 2]);
	assert.deepEqual(asked.splice(0), [...files, ...files]);
	const answer = hang();
	const refused = Array.from({ length: 20 }, () => work(3));
	for (const one of refused) await assert.rejects(one, hangs("/a.pub"));
	await assert.rejects(work(3), hangs("/a.pub"));
	assert.deepEqual(asked, ["/a.pub"]);
	answer();
	await eventually("it is asked again", () =>
		work(4).then(Boolean, () => false),
	);
	assert.deepEqual(done, [1, 2, 4]);
});

test("hanging work is rejected but goes on; until it finishes, other work is refused", async () => {
	const { look, asked } = hangingFiles();
	const inOrder = createFileTurn({ files, look, lateMilliseconds: 20 });
	const order: string[] = [];
	let answer = () => {};
	const hanging = inOrder(async () => {
		await new Promise<void>((resolve) => {
			answer = resolve;
		});
		order.push("first");
	});
	await assert.rejects(hanging, hangs("/a.pub, /a.key"));
	await assert.rejects(
		inOrder(async () => order.push("refused")),
		hangs("/a.pub, /a.key"),
	);
	assert.deepEqual(asked, files);
	answer();
	await eventually("other work is done", () =>
		inOrder(async () => order.push("after")).then(Boolean, () => false),
	);
	assert.deepEqual(order, ["first", "after"]);
});

test("work that fails in time keeps its error, and the next runs", async () => {
	const { look } = hangingFiles();
	const inOrder = createFileTurn({ files, look, lateMilliseconds: 10_000 });
	const failed = inOrder(async () => {
		throw new Error("unreadable");
	});
	const next = inOrder(async () => "done");
	await assert.rejects(failed, /^Error: unreadable$/);
	assert.equal(await next, "done");
});

test("startup waits for hanging files, and names each once", async () => {
	const { look, asked, hang } = hangingFiles();
	const { log, lines } = recordingLog();
	const answer = hang();
	let isOver = false;
	const waiting = untilAnswered({
		files: ["/a.pub", "", "/a.key"],
		...{ look, log, lateMilliseconds: 20 },
	}).then(() => {
		isOver = true;
	});
	await eventually("it is named", () => lines.length > 0);
	assert.deepEqual(lines, [
		"error /a.pub: the file system does not answer, startup is waiting for it",
	]);
	assert.ok(!isOver);
	answer();
	await waiting;
	assert.deepEqual(asked, ["/a.pub", "/a.key"]);
	assert.equal(lines.length, 1);
});
