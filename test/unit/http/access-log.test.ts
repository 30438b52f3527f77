import assert from "node:assert/strict";
import { test } from "node:test";
import { createAccessLog } from "../../../src/http/access-log.ts";
import type { Answered } from "../../../src/http/reply.ts";
import type { Fields } from "../../../src/log.ts";
import { createLogRepeats } from "../../../src/log-repeats.ts";

const base: Answered = {
	client: "192.0.2.7",
	clientPort: 51234,
	method: "POST",
	target: "/monitor",
	path: "/monitor",
	operationId: "runCheck",
	status: 200,
	bytes: 42,
	milliseconds: 1.2345,
	facts: {},
};

/** Logs requests with a clock that the test sets; the lines have level, message and present fields. */
function logging() {
	const lines: [string, string, Fields][] = [];
	const clock = { now: 0 };
	const write =
		(level: string) =>
		(message: string, fields: Fields | (() => Fields) = {}) => {
			const told = typeof fields === "function" ? fields() : fields;
			const there = Object.entries(told).filter(([, v]) => v !== undefined);
			lines.push([level, message, Object.fromEntries(there)]);
		};
	const log = {
		debug: write("debug"),
		info: write("info"),
		warning: write("warning"),
		error: write("error"),
	};
	const repeats = createLogRepeats({ log, elapsed: () => clock.now });
	const tell = createAccessLog(log, repeats);
	return {
		clock,
		answered: (more: Partial<Answered>) => tell({ ...base, ...more }),
		/** Lines since the last call. */
		news: () => lines.splice(0),
		/** Lines at the default level. */
		warnings: () => lines.splice(0).filter(([level]) => level !== "info"),
	};
}

/** The lines of one request. */
function logged(more: Partial<Answered>) {
	const { answered, news } = logging();
	answered(more);
	return news();
}

const common = {
	client: "192.0.2.7:51234",
	method: "POST",
	path: "/monitor",
	operation: "runCheck",
	status: 200,
	bytes: 42,
	ms: 1.2,
};

test("logs a request in one line at info: client, request, result, duration", () => {
	assert.deepEqual(logged({}), [["info", "Access", common]]);
});

test("logs plugin, exit status and reason of a command", () => {
	assert.deepEqual(
		logged({ facts: { plugin: "check_disk", exitStatus: 2, reason: "why" } }),
		[
			[
				"info",
				"Access",
				{ ...common, plugin: "check_disk", exit_status: 2, reason: "why" },
			],
		],
	);
});

test("shows an IPv6 client in brackets, and without them if it has no port", () => {
	const client = (more: Partial<Answered>) => logged(more)[0]?.[2].client;
	assert.equal(client({ client: "2001:db8::7" }), "[2001:db8::7]:51234");
	assert.equal(client({ clientPort: undefined }), "192.0.2.7");
});

test("logs refused and failed requests as warnings, except denied peers, which have their own line", () => {
	const level = (more: Partial<Answered>) => logged(more).map(([of]) => of);
	assert.deepEqual(level({ status: 400, refusal: "host: required" }), [
		"warning",
	]);
	assert.deepEqual(level({ status: 500 }), ["warning"]);
	assert.deepEqual(level({ status: 503, refusal: "busy" }), ["warning"]);
	// a failed inventory command, a machine state that does not exist
	for (const status of [400, 404, 417])
		assert.deepEqual(level({ status }), ["info"]);
	assert.deepEqual(
		level({ status: 403, refusal: "Access Denied", isDenied: true }),
		["info"],
	);
});

test("prefers the refusal to the reason that a handler noted", () => {
	const [line] = logged({
		status: 400,
		refusal: "refused",
		facts: { reason: "noted" },
	});
	assert.equal(line?.[2].reason, "refused");
});

test("a client that disconnected has no status, and that is the reason", () => {
	const [[level, , fields] = assert.fail()] = logged({
		status: undefined,
		bytes: undefined,
	});
	assert.equal(level, "info");
	assert.equal(fields.status, "none");
	assert.match(String(fields.reason), /ended before the answer/);
	assert.equal("bytes" in fields, false);
});

test("shows a path outside the contract, without an operation", () => {
	const [line] = logged({
		target: "/none",
		path: undefined,
		operationId: undefined,
	});
	const { operation: _, ...rest } = common;
	assert.deepEqual(line?.[2], { ...rest, path: "/none" });
});

test("truncates long paths, plugins and commands", () => {
	const long = "x".repeat(16_000);
	const [line] = logged({
		target: `/${long}`,
		facts: { plugin: long, command: long },
	});
	for (const name of ["path", "plugin", "command"]) {
		const text = String(line?.[2][name]);
		assert.ok(text.length < 300, `${name}: ${text.length} characters`);
		assert.ok(text.endsWith("..."), name);
	}
});

test("shows options only at debug, in a line of their own", () => {
	const facts = { plugin: "check_http", option: "-a user:Xsecret" };
	const lines = logged({ facts });
	assert.deepEqual(
		lines.map(([level]) => level),
		["info", "debug"],
	);
	assert.doesNotMatch(JSON.stringify(lines[0]), /Xsecret/);
	assert.deepEqual(lines[1], [
		"debug",
		"Options",
		{ client: "192.0.2.7:51234", ...facts },
	]);
});

const minute = 60_000;

const relay = (hop: string, reason: string): Partial<Answered> => ({
	target: "/proxy",
	path: "/proxy",
	operationId: "relayRequest",
	status: 500,
	facts: { hop, reason: `${hop}: ${reason}` },
});

const dead = (hop: string) => relay(hop, "connection refused");

const alive = (hop: string, status = 200): Partial<Answered> => ({
	...relay(hop, `answered ${status}`),
	status,
	facts: {
		hop,
		hopAnswered: true,
		...(status >= 500 && { reason: `${hop}: answered ${status}` }),
	},
});

test("warns of a dead next hop once, then hourly with a count, for all clients; info has every request", () => {
	const { clock, answered, news, warnings } = logging();
	answered(dead("10.0.0.5:6777"));
	assert.deepEqual(
		news().map(([level, message]) => [level, message]),
		[["warning", "Access"]],
	);
	for (let n = 1; n < 120; n++) {
		clock.now = n * minute * 0.5;
		answered({ ...dead("10.0.0.5:6777"), client: `192.0.2.${n}` });
	}
	const lines = news();
	assert.equal(lines.length, 119);
	assert.ok(lines.every(([level]) => level === "info"));
	clock.now = 60 * minute;
	answered({ ...dead("10.0.0.5:6777"), milliseconds: 7 });
	const [[level, message, fields] = assert.fail(), ...more] = warnings();
	assert.deepEqual([level, message, more], ["warning", "Access repeated", []]);
	assert.deepEqual(
		{ ...fields },
		{
			...common,
			path: "/proxy",
			operation: "relayRequest",
			status: 500,
			ms: 7,
			hop: "10.0.0.5:6777",
			reason: "10.0.0.5:6777: connection refused",
			times: 120,
			minutes: 60,
		},
	);
});

test("warns separately of another hop, another reason and another client's refusal", () => {
	const { answered, warnings } = logging();
	const refused = { status: 400, refusal: "plugin_name: required" };
	const failing = (plugin: string) => ({
		status: 500,
		facts: { plugin, reason: "stopped at the time limit" },
	});
	for (const more of [
		dead("10.0.0.5:6777"),
		dead("10.0.0.6:6777"),
		relay("10.0.0.5:6777", "certificate has expired"),
		refused,
		{ ...refused, client: "192.0.2.8" },
		{ ...refused, refusal: "plugin_option: too long" },
		failing("check_disk1"),
		failing("check_disk2"),
	]) {
		answered(more);
		assert.equal(warnings().length, 1, JSON.stringify(more));
		answered(more);
		assert.deepEqual(warnings(), [], JSON.stringify(more));
	}
});

test("reasons that differ only in numbers are the same", () => {
	const { answered, warnings } = logging();
	for (const seconds of [2.9, 3, 1.25])
		answered(relay("10.0.0.5:6777", `no answer within ${seconds} seconds`));
	assert.equal(warnings().length, 1);
});

test("logs recovery of a hop after more than a minute, and its next failure at once", () => {
	const { clock, answered, warnings } = logging();
	for (let n = 0; n < 61; n++) {
		clock.now = n * minute;
		answered(dead("10.0.0.5:6777"));
	}
	warnings();
	// any status will do: it answers
	answered(alive("10.0.0.5:6777", 500));
	assert.deepEqual(
		warnings().map(([level, message]) => [level, message]),
		[
			["warning", "relay to 10.0.0.5:6777: works again after 61 failures"],
			["warning", "Access"],
		],
	);
	answered(alive("10.0.0.5:6777"));
	assert.deepEqual(warnings(), []);
	answered(dead("10.0.0.5:6777"));
	assert.equal(warnings().length, 1);
});

test("a flapping hop does not fill the log", () => {
	const { clock, answered, warnings } = logging();
	for (let n = 0; n < 600; n++) {
		clock.now = n * 1_000;
		answered(n % 3 === 0 ? alive("10.0.0.5:6777") : dead("10.0.0.5:6777"));
	}
	assert.deepEqual(
		warnings().map(([, message]) => message),
		["Access"],
	);
});

test("a client refused for ever new reasons gets a hundred lines, and one for the rest", () => {
	const { answered, warnings } = logging();
	const letters = (n: number) =>
		[...String(n)].map((digit) => "abcdefghij"[Number(digit)]).join("");
	for (let n = 0; n < 1_000; n++)
		answered({
			target: `/${letters(n)}`,
			path: undefined,
			operationId: undefined,
			status: 404,
			refusal: `/${letters(n)}: no such path`,
		});
	assert.equal(warnings().length, 101);
});
