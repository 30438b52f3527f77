import assert from "node:assert/strict";
import { test } from "node:test";
import { StatusBoard } from "../../../../../cli/ctl/commands/status-follow.ts";
import {
	createPaint,
	displayWidth,
} from "../../../../../cli/ctl/output/terminal.ts";
import type { Status } from "../../../../../src/client/index.ts";

const time = 1_795_910_400;
const look = { paint: createPaint(false), namesAll: false };

/** The status of v1, or with a store that lost entries. */
const statusWith = (lost = 0, more: Partial<Status> = {}) => ({
	status: {
		app_version: "2.0.0",
		uptime_seconds: 100,
		num_goroutine: 1,
		metric_buffer_status: { newest_timestamp: 0, oldest_timestamp: 0 },
		callers: [],
		leveldb_properties: {},
		store: {
			...{ directory: "", available: true, reason: null, disk_bytes: 0 },
			...{ full: null, refused_writes: 0, retention_waits: null },
			...{ damages: 0, lost_entries: lost, last_damage: null },
		},
		...more,
	} as Status,
	asked: { before: time, after: time },
});
const refused = {
	reason: "unreachable" as const,
	message: "connection refused",
};

const fleet = (size: number) =>
	Array.from({ length: size }, (_, n) => ({ name: `host${n}:6777` }));

test("without a terminal, a line tells each change, and nothing tells the same again", () => {
	const [host = { name: "" }] = fleet(1);
	const board = new StatusBoard([host], 5_000);
	const take = (heard: Parameters<typeof board.take>[1]) =>
		board.take(host, heard);
	assert.deepEqual(take(refused), ["no answer: connection refused"]);
	assert.deepEqual(take(refused), []);
	assert.deepEqual(take(statusWith()), [
		"answers again",
		"answers, no problems",
	]);
	assert.deepEqual(take(statusWith()), []);
	assert.deepEqual(take(statusWith(3)), ["problem: store: 3 entries lost"]);
	// another number is the same problem
	assert.deepEqual(take(statusWith(4)), []);
	assert.deepEqual(take(statusWith()), ["solved: store: 4 entries lost"]);
	assert.deepEqual(
		take(statusWith(0, { app_version: "2.0.1", uptime_seconds: 1 })),
		["version 2.0.1, was 2.0.0", "restarted"],
	);
	// what was known before a failure is compared afterwards
	assert.deepEqual(take(refused), ["no answer: connection refused"]);
	assert.deepEqual(
		take(statusWith(0, { app_version: "2.0.1", uptime_seconds: 9 })),
		["answers again"],
	);
});

test("the screen has the worst agents first, each problem once, and the last answers", () => {
	const hosts = fleet(6);
	let now = 0;
	const board = new StatusBoard(hosts, 5_000, () => now);
	const frame = (rows = 24, columns = 80) =>
		board.frame({ columns, rows }, look, time).split("\n");
	assert.match(frame()[0] ?? "", /^6 agents: 6 waiting +\d\d:\d\d:\d\d$/);
	for (const [n, heard] of [
		statusWith(),
		statusWith(),
		refused,
		refused,
		statusWith(2),
	].entries())
		board.take(hosts[n] ?? assert.fail(), heard);
	const lines = frame();
	assert.match(
		lines[0] ?? "",
		/^6 agents: 2 no answer, 1 with problems, 1 waiting, 2 fine +/,
	);
	assert.match(lines[2] ?? "", /^HOST +VERSION/);
	assert.deepEqual(
		lines
			.slice(3, 9)
			.map((line) => [line.slice(0, 5), line.split(/ {2,}/).at(-1)]),
		[
			["host2", "no answer"],
			["host3", "no answer"],
			["host4", "1"],
			["host5", "waiting"],
			["host0", "none"],
			["host1", "none"],
		],
	);
	assert.deepEqual(lines.slice(9), [
		"",
		"2 hosts: connection refused: host2:6777, host3:6777",
		"host4:6777: store: 2 entries lost",
		"",
	]);
	// a request hangs: its host is silent, and what it said last stays
	now = 12_000;
	board.take(hosts[1] ?? assert.fail(), statusWith());
	const late = frame();
	assert.match(late[0] ?? "", /2 no answer, 2 silent, 1 waiting, 1 fine/);
	assert.match(late.join("\n"), /^host0:6777 +2\.0\.0 .* silent 12s$/m);
});

test("the screen is never larger than the terminal, and says what it leaves out", () => {
	const hosts = fleet(200);
	const board = new StatusBoard(hosts, 5_000);
	for (const [n, host] of hosts.entries())
		board.take(
			host,
			n % 2 === 0
				? { ...refused, message: `failure ${"x".repeat(n)}` }
				: statusWith(n),
		);
	for (const columns of [60, 80, 120])
		for (const rows of [10, 24, 50]) {
			const lines = board
				.frame({ columns, rows }, look, time)
				.trimEnd()
				.split("\n");
			assert.ok(lines.length <= rows, `${rows}: ${lines.length}`);
			assert.match(lines.join("\n"), /^… \d+ more agents$/m);
			assert.match(lines.join("\n"), /^… \d+ more lines$/m);
			for (const line of lines)
				assert.ok(
					displayWidth(line) <= columns || !line.includes(" "),
					`${columns}: ${line}`,
				);
		}
});
