import assert from "node:assert/strict";
import { test } from "node:test";
import { contradictions, passedSocket } from "../../src/passed-socket.ts";

test("systemd passes one socket, to this process", () => {
	const passed = (LISTEN_PID: string, LISTEN_FDS: string) =>
		passedSocket({ LISTEN_PID, LISTEN_FDS }, 77);
	assert.equal(passed("77", "1"), 3);
	assert.equal(passed("78", "1"), undefined);
	assert.equal(passedSocket({}, 77), undefined);
	assert.throws(() => passed("77", "2"), /systemd passes 2 sockets, not one/);
	assert.throws(
		() =>
			passedSocket(
				{
					LISTEN_PID: "77",
					LISTEN_FDS: "2",
					LISTEN_FDNAMES: "happo-agent.socket:admin",
				},
				77,
			),
		/2 sockets \(happo-agent\.socket, admin\), not one/,
	);
});

test("a setting that names another port or address contradicts the socket", () => {
	const listener = { address: "::", port: 6777, name: "happo-agent.socket" };
	const port = (value: number) => ({ value, source: "HAPPO_AGENT_PORT" });
	const address = (value: string) => ({ value, source: "--listen-address" });
	assert.deepEqual(contradictions(listener, {}), []);
	assert.deepEqual(
		contradictions(listener, {
			port: port(6777),
			address: address("0:0:0:0:0:0:0:0"),
		}),
		[],
	);
	assert.deepEqual(
		contradictions(listener, {
			port: port(7000),
			address: address("127.0.0.1"),
		}),
		[
			"HAPPO_AGENT_PORT: 7000, but systemd's socket (happo-agent.socket) has port 6777",
			"--listen-address: 127.0.0.1, but systemd's socket (happo-agent.socket) has address ::",
		],
	);
	assert.equal(contradictions(listener, { port: port(0) }).length, 1);
	assert.deepEqual(
		contradictions(
			{ ...listener, address: "192.0.2.1" },
			{ address: address("192.0.2.1") },
		),
		[],
	);
});
