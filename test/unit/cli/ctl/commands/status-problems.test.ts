import assert from "node:assert/strict";
import { test } from "node:test";
import {
	bufferAge,
	clockSkew,
	passAge,
	statusFigures,
} from "../../../../../cli/ctl/commands/status-figures.ts";
import { statusProblems } from "../../../../../cli/ctl/commands/status-problems.ts";
import type { Status } from "../../../../../src/client/index.ts";

const now = 1_795_910_400;
const asked = { before: now - 0.2, after: now + 0.3 };
const hour = 3600;

type Collection = NonNullable<Status["collection"]>;
type Pass = NonNullable<Collection["last_pass"]>;

const pass = (more: Partial<Pass> = {}): Pass => ({
	started_at: now - 20,
	age_seconds: 20,
	duration_seconds: 1,
	stored: true,
	plugins: [],
	...more,
});

/** The status of an agent without problems, except for these fields. */
function statusWith(
	collection: Partial<Collection> = {},
	more: Partial<Status> = {},
): Status {
	return {
		app_version: "2.0.0",
		uptime_seconds: 100_000,
		num_goroutine: 1,
		metric_buffer_status: {
			newest_timestamp: now - 20,
			oldest_timestamp: now - 60,
		},
		callers: [],
		leveldb_properties: {},
		now,
		collection: {
			enabled: true,
			interval_seconds: 60,
			config_error: null,
			config_warnings: [],
			last_pass: pass(),
			...collection,
		},
		...more,
	};
}

const problemsOf = (status: Status) => statusProblems(status, asked);

test("a healthy agent has no problems", () => {
	assert.deepEqual(problemsOf(statusWith()), []);
});

test("ages use the agent's clock; a wrong clock is the only problem", () => {
	for (const [ahead, text] of [
		[hour, "clock: 1h ahead of this machine's"],
		[-hour, "clock: 1h behind this machine's"],
	] as const) {
		const status = statusWith(
			{ last_pass: pass({ started_at: now + ahead - 20 }) },
			{
				now: now + ahead,
				metric_buffer_status: {
					newest_timestamp: now + ahead - 20,
					oldest_timestamp: now + ahead - 60,
				},
			},
		);
		assert.deepEqual(problemsOf(status), [text]);
		assert.equal(passAge(status, asked), 20);
		assert.equal(bufferAge(status, asked), 60);
	}
	// half a minute plus the time of the answer's transfer is no problem
	assert.deepEqual(problemsOf(statusWith({}, { now: now + 30 })), []);
	assert.deepEqual(problemsOf(statusWith({}, { now: now - 30 })), []);
	const slow = { before: now - 100, after: now };
	assert.deepEqual(
		statusProblems(statusWith({}, { now: now - 100 }), slow),
		[],
	);
	assert.deepEqual(clockSkew(statusWith({}, { now: now - 100 }), slow), {
		seconds: -49.5,
		uncertainty: 50.5,
	});
	assert.equal(problemsOf(statusWith({}, { now: now + 32 })).length, 1);
	assert.equal(problemsOf(statusWith({}, { now: now - 32 })).length, 1);
});

test("a stalled collection is reported whatever the clock shows", () => {
	const late = "collection: no pass for more than 5m";
	// the clock was set back by an hour, so the pass seems to be recent
	const standing = statusWith({
		last_pass: pass({ started_at: now - 5, age_seconds: 302 }),
	});
	assert.deepEqual(problemsOf(standing), [late]);
	const { age_seconds: _, ...untold } = pass({ started_at: now - 302 });
	assert.deepEqual(problemsOf(statusWith({ last_pass: untold })), [late]);
	const future = { ...untold, started_at: now + hour };
	assert.deepEqual(problemsOf(statusWith({ last_pass: future })), [
		"collection: the last pass is 1h in the future",
	]);
	assert.deepEqual(problemsOf(statusWith({ last_pass: null })), [late]);
	assert.deepEqual(
		problemsOf(statusWith({ last_pass: null }, { uptime_seconds: 299 })),
		[],
	);
	assert.deepEqual(
		problemsOf(statusWith({ enabled: false, last_pass: null })),
		[],
	);
});

test("whether a pass is late depends on the agent's interval", () => {
	const at = (interval_seconds: number, age_seconds: number) =>
		problemsOf(
			statusWith({ interval_seconds, last_pass: pass({ age_seconds }) }),
		);
	assert.deepEqual(at(600, 1501), []);
	assert.deepEqual(at(600, 1502), ["collection: no pass for more than 25m"]);
	assert.deepEqual(at(1, 301), []);
	assert.deepEqual(at(1, 302), ["collection: no pass for more than 5m"]);
});

test("a missing, invalid or odd configuration and missing plugins are problems", () => {
	const file = "/etc/happo/metrics.yaml";
	assert.deepEqual(
		problemsOf(statusWith({ config_error: `${file}: does not exist` })),
		[`collection: ${file}: does not exist`],
	);
	assert.deepEqual(
		problemsOf(statusWith({ config_warnings: [`${file} line 4: odd`] })),
		[`collection: ${file} line 4: odd`],
	);
	assert.deepEqual(
		problemsOf(statusWith({ enabled: false, config_error: "gone" })),
		[],
	);
	const plugin = (plugin_name: string, more: object = {}) => ({
		...{ hostname: "h", plugin_name, samples: 0, bad_lines: 0 },
		result: "missing" as const,
		...more,
	});
	const withPlugins = (...plugins: Pass["plugins"]) =>
		problemsOf(statusWith({ last_pass: pass({ plugins }) }));
	assert.deepEqual(withPlugins(plugin("a"), plugin("b")), [
		"collection: all 2 metric plugins are missing (sensu-plugin-paths)",
	]);
	assert.deepEqual(withPlugins(plugin("a"), plugin("b", { result: "ok" })), [
		"metric plugin a for h: missing",
	]);
	assert.deepEqual(withPlugins(plugin("a")), [
		"metric plugin a for h: missing",
	]);
	assert.deepEqual(
		withPlugins(
			plugin("a", {
				...{ result: "ok", bad_lines: 2 },
				first_bad_line: "line 3: not three fields: missing.time 5",
			}),
		),
		[
			"metric plugin a for h: 2 bad lines, line 3: not three fields: missing.time 5",
		],
	);
});

test("without a usable store, the age of the metrics is unknown, not 0", () => {
	const age = statusFigures.find(
		({ name }) => name === "metric_buffer_age_seconds",
	);
	const empty = { newest_timestamp: 0, oldest_timestamp: 0 };
	const ageWith = (available: boolean) => {
		const store = { available } as NonNullable<Status["store"]>;
		const status = statusWith({}, { metric_buffer_status: empty, store });
		return age?.value(status, asked);
	};
	assert.equal(ageWith(true), 0);
	assert.equal(ageWith(false), undefined);
});

test("an audit log that cannot be written, or has lost lines, is a problem", () => {
	const withLog = (problem: string | null, lost: number) =>
		problemsOf(
			statusWith(
				{},
				{ audit_log: { file: "audit.log", written: 9, lost, problem } },
			),
		);
	assert.deepEqual(withLog(null, 0), []);
	assert.deepEqual(withLog("no space left on the device", 3), [
		"audit log: no space left on the device",
		"audit log: 3 lines lost",
	]);
});

test("CAs that expire, revocation lists that have, and unusable files of them are problems", () => {
	const authority = (subject: string, not_after: number) => ({
		...{ subject, not_after, fingerprint_sha256: "AB:CD" },
	});
	const list = (issuer: string, next_update: number) => ({
		...{ issuer, next_update, this_update: now - 100 * hour, revoked: 0 },
	});
	const clients = (more: object) =>
		problemsOf(
			statusWith(
				{},
				{
					client_certificates: {
						...{ ca_file: "ca.pem", crl_file: "crl.pem" },
						authorities: [authority("CN=new", now + 10_000 * hour)],
						revocation_lists: [list("CN=new", now + hour)],
						...more,
					},
				},
			),
		);
	assert.deepEqual(clients({}), []);
	assert.deepEqual(
		clients({
			authorities: [
				authority("CN=old", now - hour),
				authority("CN=soon", now + 50 * hour),
			],
			revocation_lists: [list("CN=old", now - 1)],
			problem: "ca.pem: no such file or directory",
		}),
		[
			"client CA CN=old: has expired",
			"client CA CN=soon: expires in 2 days",
			"revocation list of CN=old: has expired, certificates of this CA do not count",
			"client CA files: ca.pem: no such file or directory",
		],
	);
});

test("a policy that is not in use, or would refuse calls, is a problem", () => {
	const policy = {
		file: "/etc/happo/policy.yaml",
		mode: "observe" as const,
		commands: 4,
		rules: 3,
		decisions: { allowed: 9, refused: 1, would_refuse: 0, limited: 2 },
		problem: null,
	};
	assert.deepEqual(problemsOf(statusWith({}, { policy })), []);
	const decisions = { ...policy.decisions, would_refuse: 12 };
	assert.deepEqual(
		problemsOf(
			statusWith(
				{},
				{ policy: { ...policy, decisions, problem: "rules[0]: no who" } },
			),
		),
		[
			"policy: rules[0]: no who",
			"policy: 12 calls would be refused (mode observe)",
		],
	);
});
