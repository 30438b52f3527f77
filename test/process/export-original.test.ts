import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startDaemon, startProgram } from "../support/daemon.ts";
import { temporaryDirectory } from "../support/temporary.ts";

test("export-original refuses while the agent runs, then writes what is stored", async (t) => {
	const directory = await temporaryDirectory(t);
	const dbfile = join(directory, "db");
	await cp("test/fixtures/original-db", dbfile, { recursive: true });
	const agent = await startDaemon(t, ["--dbfile", dbfile]);
	const run = async () => {
		const args = ["export-original", join(directory, "go.db")];
		const { exited } = startProgram(t, args, {
			directory,
			environment: { HAPPO_AGENT_DBFILE: dbfile },
		});
		return exited;
	};
	const refused = await run();
	assert.match(
		refused.stderr,
		/^happo-agent: the store is in use by process \d+ .*; stop the agent first\n$/,
	);
	assert.equal(refused.code, 1);
	await agent.stop();
	const done = await run();
	assert.equal(
		done.stdout,
		`15 samples from 5 seconds and 2 machine states written to ${directory}/go.db\n`,
	);
	assert.equal(done.code, 0, done.stderr);
});
