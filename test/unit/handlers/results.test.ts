import assert from "node:assert/strict";
import { test } from "node:test";
import { createResultList } from "../../../src/handlers/results.ts";
import type { Call } from "../../../src/operation.ts";
import type { ListedResult } from "../../../src/status/check-results.ts";

const result: ListedResult = {
	...{ check: "x", plugin: "check_x", exitStatus: 0, timedOut: false },
	...{ endedAt: 1_700_000_000_250, durationSeconds: 0.25 },
	...{ cpuSeconds: 0.01, maxRssBytes: 1024, output: "OK" },
	perfdata: { values: [], errors: [], errorCount: 0 },
	variants: 1,
};

test("the state of a result is that which its client has", async () => {
	const stateFor = async (more: Partial<ListedResult>) => {
		const list = createResultList(() => [{ ...result, ...more }]);
		const call = { reserve: async () => {} } as unknown as Call;
		const { body } = await list({}, {}, call);
		assert.ok(typeof body === "object" && "results" in body);
		return body.results[0]?.state;
	};
	const words = ["OK", "WARNING", "CRITICAL", "UNKNOWN", "UNKNOWN"];
	for (const [exitStatus, word] of words.entries())
		assert.equal(await stateFor({ exitStatus }), word);
	const late = { exitStatus: undefined, timedOut: true };
	assert.equal(await stateFor(late), "CRITICAL");
	assert.equal(await stateFor({ exitStatus: undefined }), "CRITICAL");
});
