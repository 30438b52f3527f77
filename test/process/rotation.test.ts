import assert from "node:assert/strict";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { version } from "../../generated/version.ts";
import { writeTestKeyPair } from "../support/agent.ts";
import { startDaemon, startProgram } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { send } from "../support/https.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const lines = (file: string) => readFile(file, "utf8").catch(() => "");

test("SIGHUP reopens the log by name, and the agent goes on", async (t) => {
	const directory = await temporaryDirectory(t);
	const pair = await writeTestKeyPair(directory);
	// otherwise a line about a missing file may come at any time
	await writeFile(join(directory, "metrics.yaml"), "metrics: []\n");
	// the log, which would show the port, is in a file here
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
	assert.match(
		await lines(file),
		/\[info\] SIGTERM: stopping\n\S+ \S+ \[info\] happo-agent \S+ stopped: SIGTERM\n$/,
	);
});

for (const level of ["warn", "error"])
	test(`at level ${level} the log has one line for startup and one for the stop`, async (t) => {
		const daemon = await startDaemon(t, ["--log-level", level]);
		const { stdout } = await daemon.stop();
		const told = stdout.split("\n").filter((line) => line.includes("[info]"));
		const text = `happo-agent ${version}`;
		assert.equal(told.length, 2, stdout);
		assert.match(
			told[0] ?? "",
			new RegExp(
				`^\\S+ \\S+ \\[info\\] ${text} started, listening on 127\\.0\\.0\\.1 port ${daemon.port}, pid ${daemon.process.pid}, Node\\.js [0-9.]+$`,
			),
		);
		assert.ok(told[1]?.endsWith(`[info] ${text} stopped: SIGTERM`), told[1]);
	});
