import assert from "node:assert/strict";
import { test } from "node:test";
import { crashFigures, crashRounds } from "../support/crash.ts";

/** Random, unless a failed run is to be repeated. */
const seed = Number(
	process.env.HAPPO_CRASH_SEED ?? Math.floor(Math.random() * 2 ** 32),
);

test("kill -9 during all kinds of work: nothing is lost, nothing comes back", async (t) => {
	const rounds = 30;
	t.diagnostic(`HAPPO_CRASH_SEED=${seed}`);
	const report = await crashRounds(t, { rounds, seed });
	for (const line of crashFigures(report)) t.diagnostic(line);
	assert.equal(report.lost, 0, "appended and never delivered");
	assert.equal(report.passesLost, 0, "collected and never delivered");
	assert.equal(report.resurrected, 0, "acknowledged and answered again");
	assert.equal(
		report.batchesChanged,
		0,
		"a batch came back with other samples",
	);
	assert.equal(report.torn, 0, "a part of an append was stored");
	assert.deepEqual(report.errors, []);
	// otherwise the run proves nothing
	assert.ok(report.killsInOpenRequest >= rounds / 2);
	assert.ok(report.appendedOk > 300);
	assert.ok(report.passesStored > 0);
	assert.ok(report.acknowledged > 0);
	assert.ok(report.delivered >= report.appendedOk);
});
