import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import type { RecordedCase } from "./conformance.ts";
import { operationAt } from "./conformance.ts";
import type { StartedDaemon } from "./daemon.ts";
import type { Received } from "./https.ts";
import type { Arrived } from "./next-hop.ts";
import { checkReply } from "./reply-check.ts";
import { assertArrived } from "./upstream.ts";

/** The result of a recorded case. */
export interface Outcome {
	received: Received;
	seconds: number;
	daemon: StartedDaemon;
	/** What its canned server received. */
	arrived: readonly Arrived[];
}

/** The expected part of a value, without fields that are not expected. */
function reduced(value: unknown, expected: unknown): unknown {
	if (typeof value !== "object" || value === null) return value;
	if (Array.isArray(value))
		return Array.isArray(expected)
			? value.map((item, index) => reduced(item, expected[index]))
			: value;
	if (typeof expected !== "object" || expected === null) return value;
	return Object.fromEntries(
		Object.entries(value)
			.filter(([key]) => key in expected)
			.map(([key, item]) => [
				key,
				reduced(item, (expected as Record<string, unknown>)[key]),
			]),
	);
}

const holdsJson = (expected: unknown, { received }: Outcome) =>
	assert.deepEqual(reduced(received.json, expected), expected, received.text);

type Check = (expected: never, outcome: Outcome) => void | Promise<void>;

/** The kinds of expectations; any other kind fails the case. */
const checks: Record<string, Check> = {
	status: (expected: number, { received }) =>
		assert.equal(received.status, expected, received.text.slice(0, 500)),
	status_in: (expected: number[], { received }) =>
		assert.ok(expected.includes(received.status), `status ${received.status}`),
	status_not: (expected: number, { received }) =>
		assert.notEqual(received.status, expected, received.text),
	json: holdsJson,
	json_has: holdsJson,
	body: (expected: string, { received }) =>
		assert.equal(received.text, expected),
	// recorded with Python, with dots that also match line ends
	body_regex: (expected: string, { received }) =>
		assert.ok(
			new RegExp(expected, "s").test(received.text),
			`${expected} is not in ${received.text.slice(0, 500)}`,
		),
	headers: (expected: Record<string, string>, { received }) => {
		for (const [name, value] of Object.entries(expected))
			assert.equal(
				String(received.headers[name.toLowerCase()]).toLowerCase(),
				value.toLowerCase(),
				name,
			);
	},
	min_seconds: (expected: number, { seconds }) =>
		assert.ok(seconds >= expected, `answered after ${seconds} s`),
	max_seconds: (expected: number, { seconds }) =>
		assert.ok(seconds <= expected, `answered after ${seconds} s`),
	file: async (
		expected: { path: string; content: string; yaml?: boolean },
		{ daemon },
	) => {
		const content = await readFile(
			join(daemon.directory, expected.path),
			"utf8",
		);
		if (expected.yaml)
			assert.deepEqual(parse(content), parse(expected.content));
		else assert.equal(content, expected.content);
	},
	upstream_requests: (
		expected: Parameters<typeof assertArrived>[0],
		{ arrived },
	) => assertArrived(expected, arrived),
	not_empty_upstream: (_: true, { received, arrived }) => {
		if (received.status === 400) assert.deepEqual(arrived, []);
		else assert.ok(arrived[0]?.body.length, "an empty body went on");
	},
	daemon_alive: (_: true, { daemon }) => {
		assert.equal(daemon.process.exitCode, null);
		assert.equal(daemon.process.signalCode, null);
	},
};

/** Checks an answer against its case and the contract. */
export async function assertExpected(
	{ request, expect, peers, upstream_stub }: RecordedCase,
	outcome: Outcome,
) {
	for (const [kind, expected] of Object.entries(expect)) {
		const check =
			checks[kind] ??
			assert.fail(
				`expect.${kind}: not implemented in test/support/expectations.ts`,
			);
		await check(expected as never, outcome);
	}
	const operation = operationAt(request.method, request.path);
	if (!operation || request.method === "HEAD") return;
	const { status, headers, text, json } = outcome.received;
	const type = String(headers["content-type"] ?? "").split(";", 1)[0];
	// a next hop's answer is relayed unchanged and not checked; the relay's own answers are
	if (
		(peers || upstream_stub) &&
		(json as { return_value?: unknown })?.return_value !== 3
	)
		return;
	checkReply(operation.operationId, {
		status,
		...(type && { type }),
		headers: headers as Record<string, string>,
		body: type?.endsWith("json") ? json : text,
	});
}
