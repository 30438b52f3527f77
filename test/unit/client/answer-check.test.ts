import assert from "node:assert/strict";
import { test } from "node:test";
import { answerOffence } from "../../../src/client/answer-check.ts";
import { problemType } from "../../../src/client/index.ts";
import { readRecorded } from "../../support/conformance.ts";

const status = {
	...{ app_version: "1", uptime_seconds: 1, num_goroutine: 1, callers: [] },
	metric_buffer_status: { newest_timestamp: 0, oldest_timestamp: 0 },
	leveldb_properties: {},
};

test("data that fits the contract passes, and so do unknown fields", () => {
	for (const [operation, body] of [
		["GET /status", status],
		["GET /status", { ...status, later: [1], collection: undefined }],
		["POST /metric", { metric_data: null, message: "" }],
		["GET /status/request", { last1: null, last5: [{ url: "/", counts: {} }] }],
		["GET /nothing", 5],
	] as const)
		assert.equal(answerOffence(operation, body), undefined, operation);
});

test("an offence is reported with its place", () => {
	const sample = { hostname: "h", timestamp: 1, metrics: { a: "1" } };
	for (const [operation, body, said] of [
		["GET /status", [], "the body: an array, not an object"],
		["GET /status", { ...status, app_version: null }, "app_version: missing"],
		[
			"GET /status",
			{ ...status, uptime_seconds: 1.5 },
			"uptime_seconds: a number, not an integer",
		],
		[
			"GET /status",
			{ ...status, metric_buffer_status: {} },
			"metric_buffer_status.newest_timestamp: missing",
		],
		[
			"GET /status",
			{ ...status, callers: [1] },
			"callers[0]: an integer, not a string",
		],
		[
			"POST /metric",
			{ message: "", metric_data: [sample] },
			"metric_data[0].metrics.a: a string, not a number",
		],
		["GET /manage/hosts", { hosts: [{}] }, "hosts[0].group_name: missing"],
	] as const)
		assert.equal(answerOffence(operation, body), said);
});

test("problems have a type, all other bodies have none", () => {
	const type = "urn:happo:problem:busy";
	assert.equal(problemType({ type, title: "Service Unavailable" }), type);
	for (const body of [
		...[undefined, null, "Access Denied\n", [], { title: "Not Found" }],
		...[{ type: "about:blank" }, { type: 5 }],
	])
		assert.equal(problemType(body), undefined);
});

test("the answers of 1.1.0 pass", () => {
	interface Recorded {
		request: { method: string; path: string };
		expect: { status?: number; json?: unknown };
	}
	const answered = readRecorded<Recorded>("cases.json").filter(
		({ expect }) => expect.status === 200 && expect.json !== undefined,
	);
	assert.ok(answered.length > 20, `${answered.length}`);
	for (const { request, expect } of answered)
		assert.equal(
			answerOffence(`${request.method} ${request.path}`, expect.json),
			undefined,
			request.path,
		);
});
