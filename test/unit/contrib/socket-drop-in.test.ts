import assert from "node:assert/strict";
import { test } from "node:test";
import {
	configured,
	settled,
} from "../../../contrib/packaging/socket-drop-in.ts";

/** What the installation does with a program line and variables. */
const outcome = (
	variables: Record<string, string>,
	program: readonly string[] = ["happo-agent", "daemon"],
	streams: readonly string[] = ["6777"],
) => settled(configured(program, variables), streams);

const dropIn = (why: string, ...lines: string[]) => ({
	why,
	lines: ["[Socket]", "ListenStream=", ...lines],
});

test("a configuration that names nothing, or what the socket has, needs no drop-in", () => {
	assert.deepEqual(outcome({}), {});
	assert.deepEqual(outcome({ HAPPO_AGENT_PORT: "" }), {});
	assert.deepEqual(outcome({ HAPPO_AGENT_PORT: "6777" }), {});
	assert.deepEqual(outcome({ HAPPO_AGENT_LISTEN_ADDRESS: "::" }), {});
	// an administrator's drop-in counts if the configuration says nothing
	assert.deepEqual(outcome({}, undefined, ["192.0.2.1:7000"]), {});
	assert.deepEqual(
		outcome(
			{ HAPPO_AGENT_LISTEN_ADDRESS: "2001:db8::1", HAPPO_AGENT_PORT: "7000" },
			undefined,
			["[2001:db8:0::1]:7000"],
		),
		{},
	);
});

test("the socket takes port and address of the configuration", () => {
	assert.deepEqual(
		outcome({ HAPPO_AGENT_PORT: "7000" }),
		dropIn("HAPPO_AGENT_PORT is 7000", "ListenStream=7000"),
	);
	assert.deepEqual(
		outcome({ HAPPO_AGENT_LISTEN_ADDRESS: "192.0.2.1" }),
		dropIn(
			"HAPPO_AGENT_LISTEN_ADDRESS is 192.0.2.1",
			...["ListenStream=192.0.2.1:6777", "FreeBind=yes"],
		),
	);
	assert.deepEqual(
		outcome({
			HAPPO_AGENT_PORT: "7000",
			HAPPO_AGENT_LISTEN_ADDRESS: "2001:db8:0::1",
		}).lines?.slice(-2),
		["ListenStream=[2001:db8::1]:7000", "FreeBind=yes"],
	);
	assert.deepEqual(
		outcome({ HAPPO_AGENT_LISTEN_ADDRESS: "0.0.0.0" }).lines?.slice(-2),
		["ListenStream=0.0.0.0:6777", "FreeBind=yes"],
	);
});

test("options of the command line win over variables", () => {
	const variables = { HAPPO_AGENT_PORT: "7000" };
	for (const words of [["--port", "7001"], ["--port=7001"], ["-P", "7001"]]) {
		const { lines } = outcome(variables, ["happo-agent", "daemon", ...words]);
		assert.equal(lines?.at(-1), "ListenStream=7001");
	}
	assert.match(
		outcome({}, ["happo-agent", "daemon", "--listen-address", "127.0.0.1"])
			.why ?? "",
		/^--listen-address is 127\.0\.0\.1$/,
	);
});

test("an agent with a port that no socket can have listens by itself", () => {
	for (const port of ["0", "70000", "many", "-1", "0x1f"])
		assert.deepEqual(outcome({ HAPPO_AGENT_PORT: port }), {
			problem: `HAPPO_AGENT_PORT is ${port}`,
		});
	for (const address of ["fe80::1%eth0", "web01\nListenStream=1"])
		assert.deepEqual(outcome({ HAPPO_AGENT_LISTEN_ADDRESS: address }), {
			problem: `HAPPO_AGENT_LISTEN_ADDRESS is ${address}`,
		});
});
