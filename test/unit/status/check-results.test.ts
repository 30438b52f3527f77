import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import {
	CheckResults,
	type CheckRun,
} from "../../../src/status/check-results.ts";

const minute = 60_000;

/** Results with a clock that the test sets, and what they log. */
function open(
	limits?: ConstructorParameters<typeof CheckResults>[0]["limits"],
) {
	const clock = { elapsed: 5_000 };
	const lines: string[] = [];
	const results = new CheckResults({
		now: () => 1_700_000_000_000 + clock.elapsed,
		elapsed: () => clock.elapsed,
		log: { warning: (line) => lines.push(line), error: assert.fail },
		...(limits && { limits }),
	});
	const record = (
		check: string,
		stdout: string,
		more: Partial<CheckRun> = {},
	) =>
		results.record({
			...{ check, plugin: "check_x", stdout, isCut: false, otherOutput: "" },
			...{ exitStatus: 0, timedOut: false, durationSeconds: 0.25 },
			...{ cpuSeconds: 0.01, maxRssBytes: undefined, secrets: undefined },
			options: "",
			...more,
		});
	const checks = () => results.all().map(({ check }) => check);
	/** `check label value unit` */
	const values = () =>
		[...results.metrics()].flatMap(({ result, values }) =>
			values.map(({ latest: { label, value }, unit }) =>
				`${result.check} ${label} ${value} ${unit.unit}`.trimEnd(),
			),
		);
	const errors = () =>
		[...results.metrics()].map(({ perfdataErrors }) => perfdataErrors);
	return { clock, lines, results, record, checks, values, errors };
}

test("the last result of each check", () => {
	const { results, record, clock } = open();
	assert.equal(results.of("disk"), undefined);
	record("disk", "DISK OK | /=5MB", { exitStatus: 1 });
	record("load", "LOAD OK");
	clock.elapsed += 1_000;
	record("disk", "DISK CRITICAL | /=6MB;;;0", { exitStatus: 2 });
	assert.deepEqual(results.of("disk"), {
		...{ check: "disk", plugin: "check_x", exitStatus: 2, timedOut: false },
		...{ endedAt: 1_700_000_006_000, durationSeconds: 0.25 },
		...{ cpuSeconds: 0.01, maxRssBytes: undefined },
		output: "DISK CRITICAL | /=6MB;;;0",
		askedBy: undefined,
		perfdata: {
			values: [{ label: "/", value: 6, unit: "MB", min: 0 }],
			errors: [],
			errorCount: 0,
		},
	});
	assert.deepEqual(
		results.all().map(({ check, output }) => `${check}: ${output}`),
		["load: LOAD OK", "disk: DISK CRITICAL | /=6MB;;;0"],
	);
});

test("with how many options a check has run of late", () => {
	const { results, record, clock } = open();
	const variants = () => results.all().map((one) => one.variants);
	record("check_disk", "OK", { options: "-p /" });
	record("check_disk", "OK", { options: "-p /" });
	assert.deepEqual(variants(), [1]);
	record("check_disk", "OK", { options: "-p /srv" });
	record("check_load", "OK");
	assert.deepEqual(variants(), [2, 1]);
	assert.ok(!inspect(results, { depth: 9 }).includes("/srv"));

	clock.elapsed += 11 * minute;
	record("check_disk", "OK", { options: "-p /srv" });
	assert.deepEqual(variants(), [1], "the other one is stale");
	for (let n = 0; n < 40; n++)
		record("check_disk", "OK", { options: `-p /${n}` });
	assert.deepEqual(variants(), [16]);
});

test("values stay that other runs of the check have printed", () => {
	const { record, values, clock } = open();
	record("check_disk", "OK | /=5MB;;;0;10 inodes=3%");
	clock.elapsed += minute;
	record("check_disk", "OK | /var=1MB");
	clock.elapsed += 9.5 * minute;
	record("check_disk", "OK | /=6MB");
	assert.deepEqual(values(), [
		"check_disk / 6 bytes",
		"check_disk /var 1 bytes",
	]);
	// a value in another unit is another one
	record("check_disk", "OK | /=7%");
	assert.deepEqual(values(), [
		"check_disk / 6 bytes",
		"check_disk /var 1 bytes",
		"check_disk / 7 percent",
	]);
});

test("a check is stale after ten minutes, or three of its intervals", () => {
	const { record, checks, clock, results } = open();
	record("hourly", "OK");
	clock.elapsed += 10 * minute;
	assert.deepEqual(checks(), ["hourly"]);
	clock.elapsed += 1;
	assert.deepEqual(checks(), []);
	assert.equal(results.of("hourly"), undefined);
	assert.deepEqual([...results.metrics()], []);
	clock.elapsed += 50 * minute - 1;
	record("hourly", "OK");
	clock.elapsed += 180 * minute;
	assert.deepEqual(checks(), ["hourly"]);
	clock.elapsed += 1;
	assert.deepEqual(checks(), []);
});

test("a check that comes every hour stays although it came every minute for a while", () => {
	const { record, checks, clock } = open();
	for (const gap of [60, 60, 1, 1, 1]) {
		record("hourly", "OK");
		clock.elapsed += gap * minute;
	}
	record("hourly", "OK");
	clock.elapsed += 60 * minute;
	assert.deepEqual(checks(), ["hourly"]);
});

test("an interval that is no longer kept is forgotten", () => {
	const { record, checks, clock } = open();
	record("x", "OK");
	// nobody asked for two days; that was no interval
	clock.elapsed += 2 * 1_440 * minute;
	record("x", "OK");
	clock.elapsed += 11 * minute;
	assert.deepEqual(checks(), []);
	// an hour was one, until three hours have passed
	clock.elapsed += 49 * minute;
	for (let n = 0; n < 200; n++) {
		record("x", "OK");
		clock.elapsed += minute;
	}
	clock.elapsed += 11 * minute;
	assert.deepEqual(checks(), []);
});

test("the check that has not run for the longest time makes room, and is counted unless stale", () => {
	const { record, checks, results, clock } = open({
		checks: 2,
		valuesOfCheck: 50,
		values: 50,
	});
	record("a", "OK | x=1");
	record("b", "OK | x=1");
	record("a", "OK | x=1");
	record("c", "OK | x=1");
	assert.deepEqual(checks(), ["a", "c"]);
	assert.deepEqual(results.dropped, { checks: 1, values: 0 });
	clock.elapsed += 11 * minute;
	record("d", "OK");
	record("e", "OK");
	assert.deepEqual(checks(), ["d", "e"]);
	assert.deepEqual(results.dropped, { checks: 1, values: 0 });
});

test("of a check's values the first fifty of a run stay, and new ones replace old ones", () => {
	const { record, values, results } = open();
	const run = (from: number, count: number) =>
		Array.from({ length: count }, (_, n) => `v${from + n}=1`).join(" ");
	record("x", `OK | ${run(0, 60)}`);
	assert.equal(values().length, 50);
	assert.equal(results.of("x")?.perfdata.values.length, 50);
	assert.deepEqual(results.dropped, { checks: 0, values: 10 });
	record("x", `OK | ${run(100, 20)}`);
	assert.equal(values().length, 50);
	assert.equal(values()[0], "x v20 1");
	assert.equal(values().at(-1), "x v119 1");
	assert.deepEqual(results.dropped, { checks: 0, values: 30 });
});

test("of all values those that were not seen for the longest time make room", () => {
	const { record, values, results, clock } = open({
		checks: 50,
		valuesOfCheck: 50,
		values: 4,
	});
	record("a", "OK | old=1 x=1");
	clock.elapsed += 1;
	record("b", "OK | x=1");
	clock.elapsed += 1;
	record("a", "OK | x=2");
	clock.elapsed += 1;
	record("c", "OK | x=1 y=1");
	assert.deepEqual(values(), ["b x 1", "a x 2", "c x 1", "c y 1"]);
	clock.elapsed += 1;
	record("c", "OK | z=1");
	assert.deepEqual(values(), ["a x 2", "c x 1", "c y 1", "c z 1"]);
	assert.deepEqual(results.dropped, { checks: 0, values: 2 });
});

test("two thousand values of five hundred checks are kept", () => {
	const { record, values, results } = open();
	const perfdata = Array.from({ length: 5 }, (_, n) => `v${n}=1`).join(" ");
	for (let n = 0; n < 501; n++) record(`c${n}`, `OK | ${perfdata}`);
	assert.equal(results.all().length, 500);
	assert.equal(values().length, 2_000);
	assert.deepEqual(results.dropped, { checks: 1, values: 505 });
});

test("labels that are too long are left out and counted", () => {
	const { record, values, results } = open();
	record("x", `OK | ${"l".repeat(256)}=1 ${"l".repeat(257)}=1 y=1`);
	assert.equal(values().length, 2);
	assert.deepEqual(results.dropped, { checks: 0, values: 1 });
});

test("errors are counted, and named in the log once an hour for each check", () => {
	const { record, errors, lines, values } = open();
	record("http", "OK | time=0,5s size=5B;x");
	record("http", "OK | time=0,6s size=5B");
	record("load", "OK | load1=0.5");
	assert.deepEqual(errors(), [3, 0]);
	assert.deepEqual(values(), ["http size 5 bytes", "load load1 0.5"]);
	assert.deepEqual(lines, [
		"performance data of check http: decimal comma: time=0,5s",
		"performance data of check http: warning: not a number: size=5B;x",
	]);
});

test("a label that comes twice in a run is an error, and the last value counts", () => {
	const { record, errors, lines, values } = open();
	record("x", "OK | a=1 a=2 a=1B");
	assert.deepEqual(values(), ["x a 2", "x a 1 bytes"]);
	assert.deepEqual(errors(), [1]);
	assert.deepEqual(lines, [
		"performance data of check x: a label and its unit come twice: a",
	]);
});

test("a log line does not list hundreds of errors", () => {
	const { record, errors, lines } = open();
	record("x", `OK | ${"a=, ".repeat(300)}`);
	assert.deepEqual(errors(), [300]);
	assert.equal(lines.length, 6);
	assert.equal(lines.at(-1), "performance data of check x: 295 more");
});

test("an output that may show a secret is not kept", () => {
	const { record, results, values, lines, errors } = open();
	const secrets = ["geheim", "x"];
	record("db", "OK geheim | t=1s geheim=2 a=3geheim b=1, =geheim", { secrets });
	assert.deepEqual(values(), ["db t 1 seconds"]);
	assert.equal(results.of("db")?.output, undefined);
	assert.deepEqual(results.of("db")?.perfdata.errors, []);
	assert.deepEqual(errors(), [2]);
	assert.deepEqual(lines, [
		"performance data of check db: 2 errors, not shown as the check has secrets",
	]);
	// which words are secrets is not known
	record("db", "OK | t=1s b=1,", { secrets: "unknown" });
	assert.deepEqual(results.of("db")?.perfdata.values, []);
	assert.deepEqual(results.dropped, { checks: 0, values: 0 });
});

test("the end of an output that was cut does not become another number", () => {
	const { record, values, errors, results } = open();
	record("x", "OK | a=1 b=12", { isCut: true });
	assert.deepEqual(values(), ["x a 1"]);
	assert.deepEqual(errors(), [1]);
	record("y", `OK | a=1 ${"b=2 ".repeat(30_000)}`);
	assert.deepEqual(values(), ["x a 1", "y a 1", "y b 2"]);
	assert.equal(results.of("y")?.output?.length, 4_096);
	// the text alone was cut
	record("z", "OK", { isCut: true });
	assert.equal(errors().at(-1), 0);
});

test("what a plugin has printed until its time limit is no performance data", () => {
	const { record, values, results } = open();
	record("x", "OK | a=1", { timedOut: true, exitStatus: undefined });
	assert.deepEqual(values(), []);
	assert.equal(results.of("x")?.output, "OK | a=1");
	record("x", "", { exitStatus: 127, otherOutput: "not found: /x" });
	assert.equal(results.of("x")?.output, "not found: /x");
});
