import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveSettings } from "../../../src/setting-table.ts";
import { daemonSettings } from "../../../src/settings.ts";
import { reportStatus } from "../../../src/status/report.ts";
import { aState } from "../../support/state.ts";

test("v1's six fields come first, as its clients know them", async () => {
	const report = await reportStatus(aState());
	assert.deepEqual(Object.keys(report).slice(0, 6), [
		"app_version",
		"uptime_seconds",
		"num_goroutine",
		"metric_buffer_status",
		"callers",
		"leveldb_properties",
	]);
	assert.equal(report.app_version, "2.0.0");
	// 99.9 seconds are 99 whole ones
	assert.equal(report.uptime_seconds, 99);
	assert.deepEqual(report.metric_buffer_status, {
		newest_timestamp: 1_700_000_090,
		oldest_timestamp: 1_700_000_040,
	});
	assert.ok(report.callers.every((name) => typeof name === "string"));
	assert.equal(report.num_goroutine, report.callers.length);
	// https://github.com/syndtr/goleveldb: the properties of its DB
	assert.deepEqual(
		report.leveldb_properties,
		Object.fromEntries(
			[
				"aliveiters",
				"alivesnaps",
				"blockpool",
				"cachedblock",
				"num-files-at-level0",
				"num-files-at-level1",
				"num-files-at-level2",
				"openedtables",
				"sstables",
				"stats",
				"writedelay",
			].map((name) => [`leveldb.${name}`, `<${name}>`]),
		),
	);
});

test("our own fields have their values", async () => {
	const report = await reportStatus(
		aState({ retention: { doubt: "the clock is ahead" } }),
	);
	assert.equal(report.node_version, process.versions.node);
	assert.equal(report.pid, process.pid);
	assert.equal(report.started_at, 1_700_000_000);
	assert.deepEqual(report.commands, {
		engine: "native",
		running: 1,
		waiting: 2,
		timeouts: 3,
		survivors: 1,
		survivors_total: 4,
		left_behind: 9,
		left_behind_stopped_total: 10,
	});
	assert.deepEqual(report.connections, { open: 5, waiting: 6 });
	assert.deepEqual(report.event_loop, { mean_delay_ms: 7, max_delay_ms: 8 });
	assert.equal(report.now, 1_700_000_100);
	assert.deepEqual(report.collection, {
		enabled: true,
		interval_seconds: 60,
		config_error: null,
		config_warnings: [],
		last_pass: null,
	});
	assert.deepEqual(report.store, {
		directory: "/var/lib/happo-agent",
		available: true,
		reason: null,
		disk_bytes: 4_096,
		full: null,
		refused_writes: 9,
		retention_waits: "the clock is ahead",
		damages: 10,
		lost_entries: 11,
		last_damage: { at: 1_700_000_050, reason: "a bit", copy: "/copy" },
	});
	assert.equal(report.certificate?.subject, "CN=web01");
	const audit_log = { file: "audit.log", written: 12, lost: 13 };
	assert.deepEqual(report.audit_log, { ...audit_log, problem: null });
	const without = await reportStatus(aState({ audit: () => undefined }));
	assert.equal(without.audit_log, null);
});

test("an unavailable store gives its reason and zeros, with everything else intact", async () => {
	const state = aState({
		buffer: {
			span: async () => {
				throw new Error("closed");
			},
		},
	});
	const report = await reportStatus({
		...state,
		database: {
			...state.database,
			unavailable: "not a directory",
			diskBytes: async () => 0,
			properties: (names) =>
				Object.fromEntries(names.map((name) => [name, ""])),
		},
	});
	assert.deepEqual(report.metric_buffer_status, {
		newest_timestamp: 0,
		oldest_timestamp: 0,
	});
	assert.deepEqual(report.store, {
		directory: "/var/lib/happo-agent",
		available: false,
		reason: "not a directory",
		disk_bytes: 0,
		full: null,
		refused_writes: 9,
		retention_waits: null,
		damages: 10,
		lost_entries: 11,
		last_damage: { at: 1_700_000_050, reason: "a bit", copy: "/copy" },
	});
	assert.equal(report.pid, process.pid);
});

test("settings are shown by flag, as text; a secret is hidden unless it is empty", async () => {
	const settingsOf = async (environment: Record<string, string>) => {
		const settings = resolveSettings(
			daemonSettings,
			{ port: ["6788"], "allowed-hosts": ["192.0.2.1", "192.0.2.2"] },
			environment,
		);
		const report = await reportStatus(aState({ settings }));
		assert.deepEqual(
			Object.keys(report.settings ?? {}).sort(),
			Object.keys(daemonSettings).sort(),
		);
		return report.settings ?? {};
	};
	const secret = "Xpassphrase";
	const shown = await settingsOf({
		HAPPO_AGENT_PRIVATE_KEY_PASSPHRASE: secret,
		HAPPO_AGENT_SHELL: "no",
	});
	assert.equal(shown.port, "6788");
	assert.equal(shown.shell, "no");
	assert.equal(shown.inventory, "yes");
	assert.match(shown["allowed-hosts"] ?? "", /192\.0\.2\.1,\s?192\.0\.2\.2/);
	assert.equal(shown["private-key-passphrase"], "(hidden)");
	assert.doesNotMatch(JSON.stringify(shown), new RegExp(secret));
	const without = await settingsOf({});
	assert.equal(without["private-key-passphrase"], "");
});
