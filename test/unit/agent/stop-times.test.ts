import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
	graceMilliseconds,
	maxStopMilliseconds,
	stopping,
} from "../../../src/agent/stop-times.ts";
import { daemonSettings } from "../../../src/settings.ts";

const settings = (grace: number, timeout = 10) => ({
	"stop-grace-seconds": grace,
	"command-timeout": timeout,
});

test("commands get their grace, or as long as they may run", () => {
	assert.equal(graceMilliseconds(settings(3)), 3_000);
	assert.equal(graceMilliseconds(settings(0)), 0);
	assert.equal(graceMilliseconds(settings(-1, 25)), 25_000);
	// no longer than the largest grace that can be set
	assert.equal(graceMilliseconds(settings(-1, 100_000)), 3_600_000);
});

test("systemd is told how long a stop may take", () => {
	assert.equal(maxStopMilliseconds(settings(-1, 60)), 77_000);
	assert.deepEqual(stopping(settings(-1, 60)), [
		"STOPPING=1",
		"EXTEND_TIMEOUT_USEC=77000000",
	]);
});

test("the unit waits for a stop with the defaults, also with that of packages", () => {
	const unit = readFileSync(
		"contrib/usr/lib/systemd/system/happo-agent.service",
		"utf8",
	);
	const [, seconds] = /^TimeoutStopSec=(\d+)$/m.exec(unit) ?? [];
	const timeout = daemonSettings["command-timeout"].default;
	for (const grace of [daemonSettings["stop-grace-seconds"].default, -1])
		assert.ok(
			Number(seconds) * 1000 >= maxStopMilliseconds(settings(grace, timeout)),
		);
	assert.match(unit, /^KillMode=mixed$/m);
});
