import assert from "node:assert/strict";
import { test } from "node:test";
import { createAccessLog } from "../../src/access-log.ts";
import type { Answered } from "../../src/answered.ts";
import type { Fields } from "../../src/log.ts";

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

/** What is logged of a request: level, message and the fields that are there. */
function logged(more: Partial<Answered>) {
	const lines: [string, string, Fields][] = [];
	const write =
		(level: string) =>
		(message: string, fields: Fields | (() => Fields) = {}) => {
			const told = typeof fields === "function" ? fields() : fields;
			const there = Object.entries(told).filter(([, v]) => v !== undefined);
			lines.push([level, message, Object.fromEntries(there)]);
		};
	createAccessLog({
		debug: write("debug"),
		info: write("info"),
		warning: write("warning"),
	})({ ...base, ...more });
	return lines;
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

test("a request is one line at info: who, what, with what result, how long", () => {
	assert.deepEqual(logged({}), [["info", "Access", common]]);
});

test("of a command its plugin, exit status and reason", () => {
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

test("an IPv6 client stands in brackets, one without a port alone", () => {
	const client = (more: Partial<Answered>) => logged(more)[0]?.[2].client;
	assert.equal(client({ client: "2001:db8::7" }), "[2001:db8::7]:51234");
	assert.equal(client({ clientPort: undefined }), "192.0.2.7");
});

test("refused and failed requests are warnings; a denied peer has its own line already", () => {
	const level = (more: Partial<Answered>) => logged(more).map(([of]) => of);
	assert.deepEqual(level({ status: 400, refusal: "host: required" }), [
		"warning",
	]);
	assert.deepEqual(level({ status: 500 }), ["warning"]);
	assert.deepEqual(level({ status: 503, refusal: "busy" }), ["warning"]);
	// an inventory command that failed, a machine state that is not there
	for (const status of [400, 404, 417])
		assert.deepEqual(level({ status }), ["info"]);
	assert.deepEqual(
		level({ status: 403, refusal: "Access Denied", isDenied: true }),
		["info"],
	);
});

test("the refusal comes before the reason that a handler noted", () => {
	const [line] = logged({
		status: 400,
		refusal: "refused",
		facts: { reason: "noted" },
	});
	assert.equal(line?.[2].reason, "refused");
});

test("a client that left has no status, and that is the reason", () => {
	const [[level, , fields] = assert.fail()] = logged({
		status: undefined,
		bytes: undefined,
	});
	assert.equal(level, "info");
	assert.equal(fields.status, "none");
	assert.match(String(fields.reason), /ended before the answer/);
	assert.equal("bytes" in fields, false);
});

test("a path that the contract does not have is shown, without an operation", () => {
	const [line] = logged({
		target: "/none",
		path: undefined,
		operationId: undefined,
	});
	const { operation: _, ...rest } = common;
	assert.deepEqual(line?.[2], { ...rest, path: "/none" });
});

test("long paths, plugins and commands are cut", () => {
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

test("options are shown at debug only, in a line of their own", () => {
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
