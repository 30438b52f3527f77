import assert from "node:assert/strict";
import { test } from "node:test";
import type { Family } from "../../../src/protocol/exposition.ts";
import { CheckResults } from "../../../src/status/check-results.ts";
import { createCollectedFamilies } from "../../../src/status/collected-families.ts";
import { exportedFamilies } from "../../../src/status/exported.ts";
import { createFigures } from "../../../src/status/figures.ts";
import type { State } from "../../../src/status/state.ts";
import { aState } from "../../support/state.ts";

const noneCollected = {
	enter: () => {},
	series: () => [],
	values: () => [],
	dropped: 0,
};

const log = { warning: assert.fail, error: assert.fail };

const familiesOf = (more: Partial<State> = {}, parts: object = {}) =>
	exportedFamilies({
		state: aState(more),
		figures: createFigures(),
		collected: noneCollected,
		collectedFamilies: createCollectedFamilies({
			collected: noneCollected,
			log,
		}),
		checkResults: new CheckResults({
			...{ now: Date.now, elapsed: () => 0, log },
		}),
		...parts,
	});

/** The single value of a family; undefined if it has none. */
function only(families: readonly Family[], name: string) {
	const found = families.filter((family) => family.name === name);
	assert.equal(found.length, 1, name);
	const series = [...(found[0]?.series ?? [])];
	assert.ok(series.length <= 1, name);
	return series[0]?.value;
}

test("every value of the state is exported under its name", async () => {
	const families = await familiesOf();
	for (const [name, value] of Object.entries({
		commands_running: 1,
		commands_waiting: 2,
		command_timeouts: 3,
		command_survivors: 4,
		commands_left_behind: 9,
		commands_left_behind_stopped: 10,
		connections_open: 5,
		connections_waiting: 6,
		event_loop_delay_mean_seconds: 0.007,
		event_loop_delay_max_seconds: 0.008,
		metric_buffer_oldest_timestamp_seconds: 1_700_000_040,
		metric_buffer_newest_timestamp_seconds: 1_700_000_090,
		metric_buffer_age_seconds: 60,
		store_available: 1,
		store_damages: 10,
		store_lost_entries: 11,
		store_disk_bytes: 4_096,
		certificate_expiry_timestamp_seconds: 1_800_000_000,
		audit_lines: 12,
		audit_lines_lost: 13,
		collected_metrics_dropped: 0,
	}))
		assert.equal(only(families, `happo_agent_${name}`), value, name);
	assert.equal(only(families, "process_start_time_seconds"), 1_700_000_000.5);
});

test("the values of the process are real", async () => {
	const families = await familiesOf();
	const { rss } = process.memoryUsage();
	const resident = only(families, "process_resident_memory_bytes") ?? 0;
	assert.ok(Math.abs(resident - rss) < 64 * 2 ** 20, `${resident}, ${rss}`);
	assert.ok((only(families, "process_cpu_seconds") ?? 0) > 0);
	assert.ok((only(families, "process_open_fds") ?? 0) >= 3);
	assert.ok((only(families, "nodejs_heap_size_used_bytes") ?? 0) > 1e6);
});

test("names are unique, and each has a help", async () => {
	const families = await familiesOf();
	const names = families.map(({ name }) => name);
	assert.equal(new Set(names).size, names.length);
	for (const { name, help } of families) assert.notEqual(help, "", name);
});

test("an empty buffer has no timestamps, and age 0", async () => {
	const families = await familiesOf({
		buffer: { span: async () => ({ oldest: 0, newest: 0 }) },
	});
	const figure = (name: string) =>
		only(families, `happo_agent_metric_buffer_${name}`);
	assert.equal(figure("oldest_timestamp_seconds"), undefined);
	assert.equal(figure("newest_timestamp_seconds"), undefined);
	assert.equal(figure("age_seconds"), 0);
});

test("an unavailable store is reported", async () => {
	const { database } = aState();
	const families = await familiesOf({
		buffer: { span: () => Promise.reject(new Error("closed")) },
		database: { ...database, unavailable: "no space left on device" },
	});
	assert.equal(only(families, "happo_agent_store_available"), 0);
	// an alert on the age must not turn green in an outage
	const age = families.find(({ name }) => name.endsWith("_buffer_age_seconds"));
	assert.deepEqual([...(age?.series ?? [])], []);
});

test("the last pass is exported by result; before the first there is nothing", async () => {
	const before = await familiesOf();
	const named = (families: readonly Family[], name: string) =>
		families.find((family) => family.name === `happo_agent_${name}`) ??
		assert.fail(name);
	const pass = "collection_last_pass";
	for (const name of ["plugins", "stored", "duration_seconds"])
		assert.deepEqual([...named(before, `${pass}_${name}`).series], []);
	const plugin = (result: "ok" | "timeout" | "missing") => ({
		hostname: "web01",
		plugin_name: "x",
		result,
		samples: 1,
		bad_lines: 0,
	});
	const families = await familiesOf({
		collection: () => ({
			enabled: true,
			last_pass: {
				started_at: 1_700_000_060,
				duration_seconds: 1.25,
				stored: false,
				plugins: [plugin("ok"), plugin("missing"), plugin("ok")],
			},
		}),
	});
	const value = (name: string) => only(families, `happo_agent_${pass}_${name}`);
	assert.equal(value("timestamp_seconds"), 1_700_000_060);
	assert.equal(value("duration_seconds"), 1.25);
	assert.equal(value("stored"), 0);
	// results without plugins are 0, so that alerts find their series
	assert.deepEqual(
		[...named(families, `${pass}_plugins`).series].map(
			({ labels, value }) => `${labels?.result} ${value}`,
		),
		["ok 2", "failed 0", "timeout 0", "missing 1", "empty 0"],
	);
});

test("requests, checks and collected values come from their sources", async () => {
	const figures = createFigures();
	figures.count({
		operationId: "runCheck",
		status: 200,
		facts: {
			plugin: "check_disk",
			pluginFound: true,
			exitStatus: 1,
			ranMilliseconds: 250,
		},
	});
	const series = [{ labels: { host: "web01", metric: "a.b" }, value: 7 }];
	const families = await familiesOf(
		{},
		{
			figures,
			collected: { ...noneCollected, series: () => series, dropped: 9 },
		},
	);
	const of = (name: string) => [
		...(families.find((family) => family.name === name)?.series ?? []),
	];
	assert.deepEqual(of("happo_agent_requests"), figures.requests());
	assert.deepEqual(of("happo_agent_check_duration_seconds"), figures.checks());
	assert.deepEqual(of("happo_collected_metric"), series);
	assert.equal(only(families, "happo_agent_collected_metrics_dropped"), 9);
});

test("each CA of clients has its expiry, and each issuer the first one of its lists", async () => {
	const list = (issuer: string, next_update: number) => ({
		...{ issuer, next_update, this_update: 1, revoked: 0 },
	});
	const families = await familiesOf({
		clientCertificates: () => ({
			...{ ca_file: "ca.pem", crl_file: "crl.pem" },
			// a renewed one has the same name
			authorities: [
				{ subject: "CN=a", not_after: 11, fingerprint_sha256: "AB" },
				{ subject: "CN=a", not_after: 12, fingerprint_sha256: "CD" },
			],
			revocation_lists: [list("CN=a", 22), list("CN=b", 23), list("CN=a", 21)],
		}),
	});
	const series = (name: string) => [
		...(families.find((family) => family.name === `happo_agent_${name}`)
			?.series ?? []),
	];
	assert.deepEqual(series("client_ca_expiry_timestamp_seconds"), [
		{ labels: { subject: "CN=a", fingerprint: "AB" }, value: 11 },
		{ labels: { subject: "CN=a", fingerprint: "CD" }, value: 12 },
	]);
	assert.deepEqual(series("client_crl_expiry_timestamp_seconds"), [
		{ labels: { issuer: "CN=a" }, value: 21 },
		{ labels: { issuer: "CN=b" }, value: 23 },
	]);
});
