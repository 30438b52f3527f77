import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { everyHost } from "../../../../cli/ctl/agent-command.ts";

test("at most `parallel` hosts are asked at once; answers are in the order of the hosts", async () => {
	let now = 0;
	let most = 0;
	const targets = Array.from({ length: 20 }, (_, at) => at);
	const answers = await everyHost(
		targets,
		async (at) => {
			most = Math.max(most, ++now);
			await pause(at % 3);
			now--;
			return { host: String(at), ok: true as const, data: at };
		},
		4,
	);
	assert.deepEqual(
		answers.map(({ host }) => Number(host)),
		targets,
	);
	assert.equal(most, 4);
});
