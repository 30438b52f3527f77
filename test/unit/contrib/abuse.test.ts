import assert from "node:assert/strict";
import { test } from "node:test";
import {
	details,
	faults,
	line,
	type OtherClientReport,
	type Played,
	type Waits,
} from "../../../contrib/development/abuse/judgement.ts";
import { oneByteChunks } from "../../../contrib/development/abuse/requests.ts";
import {
	places,
	values,
} from "../../../contrib/development/abuse/scenarios/documents.ts";
import {
	createTally,
	statusScanner,
} from "../../../contrib/development/abuse/tally.ts";
import { chosen } from "../../../contrib/development/campaigns/abuse.ts";

const waited = (longest: number, answers: Waits["answers"] = { 200: 9 }) => ({
	...{ longest, at: 1, answers },
});

const quiet: OtherClientReport = {
	fresh: waited(20),
	kept: waited(10),
	control: waited(15),
	check: waited(30),
	append: waited(30),
};

const harmless: Played = {
	name: "something harmless",
	peakMebibytes: 400,
	cpuSeconds: { own: 1.25, children: 0 },
	other: quiet,
	during: "",
	attacker: "503: 12",
	death: undefined,
	before: { residentMebibytes: 70, descriptors: 30, processes: 0 },
	peak: { descriptors: 90, processes: 4 },
	after: { residentMebibytes: 90, descriptors: 30, processes: 0 },
	logKibibytes: 3,
	unmet: [],
};

test("what stays within the limits has no faults", () => {
	assert.deepEqual(faults(harmless), []);
	assert.doesNotMatch(line(harmless), /FAILED/);
	assert.deepEqual(details(harmless), [
		"something harmless: the attacker got 503: 12",
	]);
});

test("each limit that is exceeded is a fault of its own", () => {
	const cases: readonly [Partial<Played>, string][] = [
		[{ peakMebibytes: 401 }, "401 MiB resident"],
		[
			{ other: { ...quiet, fresh: waited(1001) } },
			"GET / on a new connection waited 1001 ms (control 15 ms)",
		],
		[
			{ other: { ...quiet, kept: waited(1001) } },
			"GET / on a persistent connection waited 1001 ms (control 15 ms)",
		],
		[
			{ other: { ...quiet, check: waited(30, { 200: 8, 503: 2 }) } },
			"the other client's checks got 503: 2",
		],
		[
			{ other: { ...quiet, append: waited(30, { ECONNRESET: 1 }) } },
			"the other client's appends got ECONNRESET: 1",
		],
		[
			{ other: { ...quiet, append: waited(5001) } },
			"the other client's append waited 5001 ms",
		],
		[{ death: "SIGABRT" }, "the agent ended: SIGABRT"],
		[
			{ after: { ...harmless.after, descriptors: 200 } },
			"200 descriptors stay open",
		],
		[{ after: { ...harmless.after, processes: 3 } }, "3 processes stay"],
		[{ logKibibytes: 1025 }, "1025 KiB of log"],
		[{ unmet: ["128 of 200"] }, "128 of 200"],
	];
	for (const [change, fault] of cases) {
		const played = { ...harmless, ...change };
		assert.deepEqual(faults(played), [fault]);
		assert.match(line(played), / FAILED$/);
	}
});

test("statuses are found wherever the bytes are cut, each once", () => {
	const bytes = Buffer.from(
		"HTTP/1.1 200 OK\r\n\r\n{}HTTP/1.1 503 Busy\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
	);
	for (let size = 1; size <= bytes.length; size++) {
		const tally = createTally();
		const scan = statusScanner(tally.count);
		for (let from = 0; from < bytes.length; from += size)
			scan(bytes.subarray(from, from + size));
		assert.equal(tally.text(), "200: 2, 503: 1", `pieces of ${size}`);
	}
});

test("a body in one-byte chunks has as many as were asked for", () => {
	const text = Buffer.concat([...oneByteChunks(25_000)]).toString();
	assert.equal(text, "1\r\n \r\n".repeat(25_000));
});

test("costly bodies are JSON, and as large as they may be", () => {
	for (const [name, value] of Object.entries(values)) {
		const text = value(3000);
		assert.ok(text.length <= 3000 && text.length > 2900, name);
		for (const [path, body] of places) {
			const whole = body(text);
			assert.ok(whole.length < text.length + 200, path);
			assert.ok(JSON.parse(whole), `${name} to ${path}`);
		}
	}
});

test("scenarios are chosen by a part of their names, which differ", () => {
	const all = chosen([]).map(({ name }) => name);
	assert.equal(new Set(all).size, all.length);
	assert.deepEqual(
		chosen(["half-closed"]).map(({ name }) => name),
		["half-closed after a whole request; a reset"],
	);
	assert.throws(
		() => chosen(["no such thing"]),
		/^Error: no scenario named no such thing; there are\n {2}\S/,
	);
});
