import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCollectedPage } from "../../../../../cli/ctl/commands/metric-follow.ts";
import { expose } from "../../../../../src/protocol/exposition.ts";

test("labels and values of /metrics are read correctly", () => {
	const labels = { host: 'we"b\\1', metric: "a b\n,c" };
	const text = expose(
		[
			{
				name: "happo_agent_collection_last_pass_timestamp_seconds",
				type: "gauge",
				help: "x",
				series: [{ value: 1_795_370_413 }],
			},
			{
				name: "happo_collected_metric",
				type: "gauge",
				help: "x",
				series: [{ labels, value: -1e21 }],
			},
		],
		"text",
	);
	assert.deepEqual(parseCollectedPage(text), {
		pass: 1_795_370_413,
		metrics: [{ hostname: 'we"b\\1', metric: "a b\n,c", value: -1e21 }],
	});
	assert.deepEqual(parseCollectedPage("<html>"), {
		pass: undefined,
		metrics: [],
	});
});
