import assert from "node:assert/strict";
import { test } from "node:test";
import { hostLines } from "../../../../../cli/ctl/output/host-messages.ts";

const hosts = Array.from({ length: 18 }, (_, n) => `127.0.0.${n + 1}:6777`);
const refused = hosts.map((host) => ({ host, message: "connection refused" }));

test("equal messages are one line: a number, and as many names as fit", () => {
	const messages = [
		...refused,
		{ host: "web01:6777", message: "its answer is not JSON" },
	];
	assert.deepEqual(hostLines(messages, { columns: 80, before: 11 }), [
		"18 hosts: connection refused: 127.0.0.1:6777 and 17 more",
		"web01:6777: its answer is not JSON",
	]);
	assert.deepEqual(hostLines(refused.slice(0, 2), { columns: 80 }), [
		"2 hosts: connection refused: 127.0.0.1:6777, 127.0.0.2:6777",
	]);
	assert.deepEqual(hostLines(refused, { columns: 30 }), [
		"18 hosts: connection refused: 127.0.0.1:6777 and 17 more",
	]);
	assert.deepEqual(hostLines(refused, { columns: 20 }), [
		"18 hosts: connection refused",
	]);
	assert.deepEqual(hostLines(refused, { columns: undefined }), [
		`18 hosts: connection refused: ${hosts.join(", ")}`,
	]);
});

test("names come behind the last line of a message that wraps", () => {
	const message = `${"word ".repeat(30)}end`;
	const [line = ""] = hostLines(
		refused.map(({ host }) => ({ host, message })),
		{ columns: 80 },
	);
	assert.match(line, /end: 127\.0\.0\.1:6777, .* and \d+ more$/);
});

test("messages that differ in fingerprints are one, unless all names are wanted", () => {
	const messages = ["AA", "BB"].map((byte, n) => ({
		host: `web0${n}`,
		message: `self-signed; SHA-256 ${Array(32).fill(byte).join(":")}`,
	}));
	assert.deepEqual(hostLines(messages, { columns: 80 }), [
		"2 hosts: self-signed; SHA-256 …: web00, web01",
	]);
	assert.deepEqual(
		hostLines(messages, { columns: undefined }),
		messages.map(({ host, message }) => `${host}: ${message}`),
	);
});

test("what hosts say cannot control the terminal", () => {
	assert.deepEqual(
		hostLines(
			["a", "b"].map((host) => ({ host, message: "x\x1b[2J\ny" })),
			{ columns: 80 },
		),
		["2 hosts: x\\x1b[2J\\x0ay: a, b"],
	);
});
