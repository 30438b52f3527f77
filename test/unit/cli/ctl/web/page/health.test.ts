import assert from "node:assert/strict";
import { test } from "node:test";
import { healthSentences } from "../../../../../../cli/ctl/web/page/health.ts";
import type { components } from "../../../../../../generated/schema.ts";

type Status = components["schemas"]["Status"];

/** What v1 (Go) reports. */
const small: Status = {
	...{ app_version: "1.1.0", uptime_seconds: 90, num_goroutine: 8 },
	metric_buffer_status: { newest_timestamp: 0, oldest_timestamp: 0 },
	...{ callers: [], leveldb_properties: {} },
};

test("an agent of v1 says little", () => {
	assert.deepEqual(healthSentences(small, 1000), [
		"happo-agent 1.1.0 has been running for 1m 30s.",
		"Its buffer has no metrics.",
	]);
});

test("an agent says in sentences how it is", () => {
	const plugin = {
		...{ hostname: "web01", plugin_name: "metrics_linux", samples: 1 },
		bad_lines: 0,
	};
	const text = healthSentences(
		{
			...small,
			node_version: "20.19.0",
			now: 1000,
			metric_buffer_status: { newest_timestamp: 990, oldest_timestamp: 880 },
			commands: {
				...{ engine: "native", running: 1, waiting: 0, timeouts: 0 },
				...{ survivors: 0, survivors_total: 0, left_behind: 0 },
				left_behind_stopped_total: 0,
			},
			connections: { open: 3, waiting: 0 },
			event_loop: { mean_delay_ms: 1, max_delay_ms: 12.4 },
			collection: {
				enabled: true,
				last_pass: {
					...{ started_at: 980, age_seconds: 20, duration_seconds: 1 },
					stored: true,
					plugins: [
						{ ...plugin, result: "ok" },
						{ ...plugin, result: "timeout" },
					],
				},
			},
			certificate: {
				...{ file: "/x", subject: "CN=web01", fingerprint_sha256: "" },
				not_after: 1000 + 12.5 * 86_400,
			},
			policy: null,
		},
		1000,
	).join(" ");
	for (const part of [
		"1m 30s, on Node.js 20.19.0.",
		"3 connections are open and one command is running.",
		"at most 12 ms",
		"2 metric plugins ran, 20s ago: 1 failed.",
		"arrived 2m ago.",
		"CN=web01 is valid for 12 days.",
		"There is no policy",
	])
		assert.ok(text.includes(part), `${part}: ${text}`);
});
