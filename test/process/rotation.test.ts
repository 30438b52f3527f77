import assert from "node:assert/strict";
import { readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { writeTestKeyPair } from "../support/agent.ts";
import { freePort } from "../support/command-line.ts";
import { startProgram } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { send } from "../support/https.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const lines = (file: string) => readFile(file, "utf8").catch(() => "");

test("SIGHUP opens the log again under its name, and the agent goes on", async (t) => {
	const directory = await temporaryDirectory(t);
	const pair = await writeTestKeyPair(directory);
	// the log, which would name it, is in a file here
	const port = await freePort();
	const file = join(directory, "agent.log");
	const agent = startProgram(
		t,
		[
			"daemon",
			...["-P", String(port), "--listen-address", "127.0.0.1"],
			...["-B", pair["public-key"], "-R", pair["private-key"]],
			...["-l", file, "--log-level", "info"],
		],
		{ directory },
	);
	const denied = async () =>
		(await send({ port, localAddress: "127.0.0.2" })).status;
	await eventually("it listens", async () =>
		(await lines(file)).includes(`port ${port}`),
	);
	await rename(file, `${file}.1`);
	assert.equal(await denied(), 403);
	assert.match(
		await lines(`${file}.1`),
		/Access Denied RemoteAddr=127\.0\.0\.2/,
	);
	agent.process.kill("SIGHUP");
	await eventually("the new file is there", async () => {
		assert.equal(await denied(), 403);
		return (await lines(file)).includes("Access Denied");
	});
	agent.process.kill("SIGTERM");
	assert.equal((await agent.exited).code, 0);
	assert.match(await lines(file), /\[info\] SIGTERM: stopping\n$/);
});
