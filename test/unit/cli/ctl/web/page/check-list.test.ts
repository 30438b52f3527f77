import assert from "node:assert/strict";
import { test } from "node:test";
import {
	askerText,
	type Command,
	checksOf,
	endText,
	lineOf,
	type Result,
} from "../../../../../../cli/ctl/web/page/check-list.ts";

const command = (name: string, more: Partial<Command> = {}): Command => ({
	...{ name, for: "check", plugin: "check_x", timeout_seconds: null },
	...{ slots: [], ...more },
});
const result = (check: string, state: Result["state"]): Result => ({
	...{ check, plugin: "check_x", state, ended_at: 1, duration_seconds: 1 },
	exit_status: ["OK", "WARNING", "CRITICAL", "UNKNOWN"].indexOf(state),
	timed_out: false,
	...{ cpu_seconds: null, max_rss_bytes: null, output: "" },
	asked_by: { who: [], address: null, unproved_hops: 0 },
	variants: 1,
});

test("commands and results are one list, worst first", () => {
	const checks = checksOf(
		[command("b"), command("a"), command("uname", { for: "inventory" })],
		[result("c", "OK"), result("a", "WARNING"), result("d", "CRITICAL")],
	);
	assert.deepEqual(
		checks.map(({ name, command, result }) => [
			...[name, command !== undefined, result?.state],
		]),
		[
			["d", false, "CRITICAL"],
			["a", true, "WARNING"],
			["c", false, "OK"],
			["b", true, undefined],
		],
	);
});

test("how a check ended is told", () => {
	const ok = result("a", "OK");
	assert.equal(endText(ok), "Ended with exit status 0");
	assert.equal(endText({ ...ok, exit_status: null }), "Could not be started");
	assert.equal(
		endText({ ...ok, exit_status: null, timed_out: true }),
		"Stopped at its time limit",
	);
});

test("who asked is told as far as it is known", () => {
	assert.equal(
		askerText({ who: ["nagios"], address: "192.0.2.10", unproved_hops: 0 }),
		"nagios (192.0.2.10)",
	);
	assert.equal(
		askerText({ who: [], address: null, unproved_hops: 0 }),
		"the admin socket",
	);
	assert.equal(
		askerText({ who: [], address: "192.0.2.1", unproved_hops: 2 }),
		"192.0.2.1 through 2 agents",
	);
});

test("blank lines before the text of a plugin do not count", () => {
	assert.equal(lineOf("\n \r\nDISK CRITICAL | a=1\nmore"), "DISK CRITICAL");
	assert.equal(lineOf("\n|a=1"), "");
	assert.equal(lineOf(`${" ".repeat(400)}OK`), "OK");
	assert.equal(lineOf("a".repeat(400)).length, 300);
});
