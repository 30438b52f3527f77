import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { isTaken } from "../support/compiled-code.ts";
import { ownNode, startDaemon } from "../support/daemon.ts";
import { send } from "../support/https.ts";
import { copyProgram } from "../support/program-copy.ts";

const isCode = (file: string) => file.endsWith(".code");

/** The daemon of a copy starts and answers. */
async function answers(t: TestContext, program: string) {
	const daemon = await startDaemon(t, [], { program });
	assert.equal((await send({ port: daemon.port })).text, "OK");
	assert.equal((await daemon.stop()).code, 0);
}

test("the build keeps what V8 makes of the daemon, and a start takes it", () => {
	assert.equal(isTaken(process.cwd()), true);
});

test("so does the same Node with other flags", () => {
	assert.equal(isTaken(process.cwd(), ownNode.path, "--no-opt"), false);
});

test("without it the daemon starts and answers", async (t) => {
	const copy = await copyProgram(t, isCode);
	assert.equal(isTaken(copy.directory), undefined);
	await answers(t, copy.program);
});

test("damaged, it is not taken, and the daemon starts and answers", async (t) => {
	const copy = await copyProgram(t, () => false);
	const dist = join(copy.directory, "dist");
	const [name = assert.fail("no code")] = (await readdir(dist)).filter(isCode);
	const code = await readFile(join(dist, name));
	for (const damaged of [
		Buffer.alloc(0),
		Buffer.from("nonsense"),
		code.subarray(0, code.length / 2),
	]) {
		await writeFile(join(dist, name), damaged);
		assert.equal(isTaken(copy.directory), false, `${damaged.length} bytes`);
		await answers(t, copy.program);
	}
});
