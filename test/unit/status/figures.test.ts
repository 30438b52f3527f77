import assert from "node:assert/strict";
import { test } from "node:test";
import type { Answered } from "../../../src/http/reply.ts";
import { createFigures } from "../../../src/status/figures.ts";

const answered = (more: Partial<Answered> = {}): Answered => ({
	client: "192.0.2.7",
	method: "POST",
	target: "/monitor",
	path: "/monitor",
	operationId: "runCheck",
	status: 200,
	milliseconds: 1,
	facts: {},
	...more,
});

const check = (facts: Answered["facts"]) => answered({ facts });

test("nothing is counted at first", () => {
	const figures = createFigures();
	assert.deepEqual(figures.requests(), []);
	assert.deepEqual(figures.checks(), []);
});

test("requests are counted by operation and status, not by path", () => {
	const figures = createFigures();
	for (const request of [
		answered(),
		answered({ target: "/monitor/" }),
		answered({ status: 400 }),
		answered({ status: undefined }),
		answered({ operationId: undefined, status: 404, target: "/a" }),
		answered({ operationId: undefined, status: 404, target: "/b" }),
	])
		figures.count(request);
	assert.deepEqual(figures.requests(), [
		{ labels: { operation: "runCheck", status: "200" }, value: 2 },
		{ labels: { operation: "runCheck", status: "400" }, value: 1 },
		{ labels: { operation: "runCheck", status: "none" }, value: 1 },
		{ labels: { operation: "none", status: "404" }, value: 2 },
	]);
	assert.deepEqual(figures.checks(), []);
});

test("checks are counted by plugin and result, with the seconds they ran", () => {
	const figures = createFigures();
	const ran = (facts: Answered["facts"]) =>
		check({
			plugin: "check_disk",
			pluginFound: true,
			ranMilliseconds: 500,
			...facts,
		});
	for (const exitStatus of [0, 0, 1, 2, 3, 4, 255])
		figures.count(ran({ exitStatus }));
	// exited with a status of its own on SIGTERM
	figures.count(ran({ exitStatus: 0, timedOut: true }));
	figures.count(ran({ timedOut: true }));
	// ended by a signal without a number
	figures.count(ran({}));
	const shown = figures.checks().map(({ labels, part, value }) => {
		assert.equal(labels?.plugin, "check_disk");
		return `${labels?.result} ${part} ${value}`;
	});
	assert.deepEqual(shown, [
		"ok sum 1",
		"ok count 2",
		"warning sum 0.5",
		"warning count 1",
		"critical sum 0.5",
		"critical count 1",
		"unknown sum 2",
		"unknown count 4",
		"timeout sum 1",
		"timeout count 2",
	]);
});

test("missing plugins, and plugins that did not run, are not counted", () => {
	const figures = createFigures();
	figures.count(check({ plugin: "made_up", exitStatus: 127 }));
	figures.count(check({ plugin: "check_disk", pluginFound: true }));
	figures.count(check({ command: "uname", ranMilliseconds: 5 }));
	assert.deepEqual(figures.checks(), []);
});

test("beyond the limit new plugins are counted together, known ones separately", () => {
	const figures = createFigures();
	const ran = (plugin: string) =>
		check({ plugin, pluginFound: true, exitStatus: 0, ranMilliseconds: 1 });
	for (let n = 0; n < 2_000; n++) figures.count(ran(`check_${n}`));
	figures.count(ran("check_0"));
	const counts = figures.checks().filter(({ part }) => part === "count");
	assert.ok(counts.length <= 501, `${counts.length} series`);
	const of = (plugin: string) =>
		counts.find(({ labels }) => labels?.plugin === plugin)?.value;
	assert.equal(of("check_0"), 2);
	assert.equal(of("other"), 1_500);
	assert.equal(
		counts.reduce((sum, { value }) => sum + value, 0),
		2_001,
	);
});
