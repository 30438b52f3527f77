import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
	metricName,
	parseKind,
	plainKind,
} from "../../../src/protocol/metric-name.ts";

const named = (original: string, isCounter = false, unit?: string) =>
	metricName(original, { isCounter, unit }).name;

test("names become valid, with unit and type", () => {
	for (const [name, expected] of [
		[named("linux.users.users"), "linux_users_users"],
		[
			named("linux.cpu.user", true, "centiseconds"),
			"linux_cpu_user_seconds_total",
		],
		[named("linux.memory.total", false, "bytes"), "linux_memory_total_bytes"],
		[named("a.bytes", false, "bytes"), "a_bytes"],
		[named("a.seconds_total", true, "seconds"), "a_seconds_total"],
		[named("a.total", true), "a_total"],
		[named("a.total"), "a_total"],
		[named("swap.in", true, "pages"), "swap_in_pages_total"],
		[named("disk C:\\new"), "disk_C__new"],
		[named("5xx.rate"), "_5xx_rate"],
		[named("日本"), "__"],
		[named(""), "_"],
	])
		assert.equal(name, expected);
});

test("values are scaled to the unit of the name", () => {
	const scaled = (unit: string, value: number) =>
		metricName("x", { isCounter: false, unit }).scaled(value);
	assert.equal(scaled("centiseconds", 12_345), 123.45);
	assert.equal(scaled("milliseconds", 7), 0.007);
	assert.equal(scaled("kibibytes", 3), 3_072);
	assert.equal(scaled("pages", 3), 3);
});

test("any name becomes a valid one", () => {
	fc.assert(
		fc.property(
			fc.string({ unit: "binary" }),
			fc.boolean(),
			(text, isCounter) => {
				assert.match(named(text, isCounter), /^[A-Za-z_][A-Za-z0-9_]*$/);
				assert.match(named(text, isCounter, "bytes"), /_bytes(_total)?$/);
			},
		),
	);
	assert.deepEqual(metricName("a", plainKind).name, "a");
});

test("comments as OpenMetrics has them tell type and unit", () => {
	assert.deepEqual(parseKind("# TYPE linux.cpu.user counter"), {
		name: "linux.cpu.user",
		kind: { isCounter: true },
	});
	assert.deepEqual(parseKind("# UNIT my disk bytes\r"), {
		name: "my disk",
		kind: { unit: "bytes" },
	});
	for (const line of [
		...[
			"# TYPE a gauge",
			"# TYPE counter",
			"# HELP a counter",
			"#TYPE a counter",
		],
		...[
			"# UNIT a B",
			"# UNIT a by-tes",
			`# UNIT a ${"b".repeat(41)}`,
			"# UNIT a 1",
		],
	])
		assert.equal(parseKind(line), undefined, line);
});
