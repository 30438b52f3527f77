import assert from "node:assert/strict";
import { test } from "node:test";
import { startWithPlugins } from "../support/command-line.ts";
import { send } from "../support/https.ts";
import { startSleepingChecks } from "../support/sleeping-checks.ts";
import { onSignal, testUnexpected } from "../support/unexpected.ts";

// the other kinds are in test/e2e
testUnexpected("a rejected promise");
testUnexpected("an exception in a timer");

test("a signal during an exit because of an error ends the agent at once, still with status 1", async (t) => {
	const daemon = await startWithPlugins(t, [], {
		nodeFlags: onSignal(`Promise.reject(new Error("boom"))`),
	});
	const checks = await startSleepingChecks(daemon);
	daemon.process.kill("SIGUSR2");
	await daemon.printed(/internal error, stopping/);
	daemon.process.kill("SIGTERM");
	daemon.process.kill("SIGINT");
	const { code } = await daemon.exited;
	await checks.answers;
	assert.equal(code, 1);
	await checks.gone();
});

test("an error during the stop does not prevent it", async (t) => {
	const daemon = await startWithPlugins(t, [], {
		nodeFlags: onSignal(
			`process.kill(process.pid, "SIGTERM"); setTimeout(() => { throw new Error("late") }, 5)`,
		),
	});
	assert.equal((await send(daemon)).text, "OK");
	daemon.process.kill("SIGUSR2");
	const { code, signal } = await daemon.exited;
	assert.equal(signal, null);
	assert.ok(code === 0 || code === 1, `${code}`);
});
