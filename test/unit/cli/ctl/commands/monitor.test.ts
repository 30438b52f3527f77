import assert from "node:assert/strict";
import { test } from "node:test";
import { monitorStatus } from "../../../../../cli/ctl/commands/monitor.ts";

test("several hosts give the worst state, one host the plugin's exit status", () => {
	const ran = (return_value: number) => ({
		host: "h",
		ok: true as const,
		data: { return_value, message: "" },
	});
	const failed = {
		host: "h",
		ok: false as const,
		error: { reason: "unreachable" as const, message: "" },
	};
	assert.equal(monitorStatus([ran(77)]), 77);
	assert.equal(monitorStatus([failed]), 3);
	assert.equal(monitorStatus([ran(0), ran(1)]), 1);
	assert.equal(monitorStatus([ran(1), ran(77)]), 3);
	assert.equal(monitorStatus([failed, ran(2), ran(3)]), 2);
});
