import assert from "node:assert/strict";
import { once } from "node:events";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { ConnectionOptions } from "node:tls";
import type { components } from "../../../generated/schema.ts";
import type { DaemonSettings } from "../../../src/settings.ts";
import { startTestAgent, writeTestKeyPair } from "../../support/agent.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free-port.ts";
import { send } from "../../support/https.ts";
import {
	askNrpe,
	openNrpe,
	readAnswer,
	requestPacket,
} from "../../support/nrpe-packets.ts";
import { makeCertificate, makeRevocationList } from "../../support/small-ca.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

type Status = Required<components["schemas"]["Status"]>;

const plugins = {
	check_say: 'printf "%s" "$2"; exit "$1"',
	check_args: 'for word; do echo "<$word>"; done',
	check_errors: "echo broken >&2; exit 2",
	check_both: "echo fine; echo note >&2; exit 1",
	check_lines: "echo; echo",
	check_killed: 'printf "%s" "$1"; kill -9 $$',
	check_zeros: 'printf "a\\0b\\n"',
	check_latin: 'printf "gr\\374n\\n"',
	check_long: 'head -c "$1" /dev/zero | tr "\\0" z; printf "|a=1"',
	check_sleep: 'sleep "$1"; echo slept',
	check_doze: "echo waiting; sleep 30",
};

const known = "127.0.0.2";
const stranger = "127.0.0.3";

const policyText = (more = "", mode = "enforce") => `version: 1
mode: ${mode}
who:
  nagios: { address: ${known} }
  holder: { certificate: { dns: nagios.example.net } }
commands:
  say: { run: [check_say, "{status}", "{text}"], slots: { status: number, text: { is: text } } }
  args: { run: [check_args, -w, "{arg1}", "{arg2...}"], slots: { arg1: word, arg2: { is: words, options: { -c: word } } } }
  errors: { run: [check_errors] }
  both: { run: [check_both] }
  lines: { run: [check_lines] }
  killed: { run: [check_killed, "{text}"], slots: { text: { is: word, default: "x" } } }
  killed-silently: { run: [check_killed] }
  zeros: { run: [check_zeros] }
  latin: { run: [check_latin] }
  long: { run: [check_long, "{bytes}"], slots: { bytes: number } }
  sleep: { run: [check_sleep, "{seconds}"], slots: { seconds: number } }
  hasty: { run: [check_doze], timeout: 1s }
  none: { run: [check_none] }
${more}rules:
  - { who: [nagios, holder], may: check, commands: "*" }
  - { who: nagios, may: read-status }
`;

async function startWithNrpe(
	t: TestContext,
	overrides: Partial<DaemonSettings> = {},
	text = policyText(),
) {
	const directory = await temporaryDirectory(t);
	const at = (name: string) => join(directory, name);
	await writeFile(at("policy.yaml"), text);
	for (const [name, script] of Object.entries(plugins)) {
		await writeFile(at(name), `#!/bin/sh\n${script}\n`);
		await chmod(at(name), 0o755);
	}
	const port = await freePort();
	const agent = await startTestAgent(t, {
		"nrpe-port": port,
		policy: at("policy.yaml"),
		"policy-check-seconds": 1,
		"nagios-plugin-paths": [directory],
		"allowed-hosts": ["127.0.0.0/30"],
		...overrides,
	});
	const from =
		(localAddress: string, tls?: ConnectionOptions) =>
		(command: string, version?: number) =>
			askNrpe(t, { port, localAddress, ...(tls && { tls }) }, command, version);
	const status = async () =>
		(
			await send({
				...{ port: agent.port, localAddress: known },
				...{ method: "GET", path: "/status" },
			})
		).json as Status;
	return { agent, port, at, from, ask: from(known), status };
}

test("statuses and texts are those of NRPE, in all versions", async (t) => {
	const { ask } = await startWithNrpe(t);
	for (const version of [2, 3, 4])
		for (const [command, status, text] of [
			["say!0!all is well", 0, "all is well"],
			["say!1!a|b=1", 1, "a|b=1"],
			["say!2!x", 2, "x"],
			["say!3!x", 3, "x"],
			["say!4!four", 3, "four"],
			["say!255!y", 3, "y"],
			["args!a b", 3, 'NRPE: not permitted: arg1: "a b" '],
			["args!a!-c 'x'", 0, "<-w>\n<a>\n<-c>\n<x>"],
			["errors", 3, "NRPE: Unable to read output"],
			["both", 1, "fine"],
			["lines", 0, "\n"],
			["killed!dying", 3, "dying"],
			["killed-silently", 3, "NRPE: Unable to read output"],
			["zeros", 0, "ab"],
			["none", 3, "NRPE: Unable to read output"],
			["no-such!a", 3, "NRPE: Command 'no-such' not defined"],
			["hasty", 3, "NRPE: Command timed out after 1 seconds"],
		] as const) {
			const answer = await ask(command, version);
			assert.equal(answer.version, version);
			assert.equal(answer.status, status, command);
			if (text.endsWith(" "))
				assert.ok(answer.text.startsWith(text), answer.text);
			else assert.equal(answer.text, text, command);
		}
});

test("bytes that are not UTF-8 come as the plugin wrote them, and go to none", async (t) => {
	const { ask, port } = await startWithNrpe(t);
	const { socket, answer } = openNrpe(t, { port, localAddress: known });
	socket.write(requestPacket(4, "latin"));
	const packet = await answer;
	assert.equal(packet.subarray(16, -1).toString("latin1"), "gr\xfcn");
	assert.equal((await ask("latin", 2)).status, 0);
	const other = openNrpe(t, { port, localAddress: known });
	other.socket.write(requestPacket(4, Buffer.from("say!0!gr\xfcn", "latin1")));
	assert.deepEqual(readAnswer(await other.answer), {
		...{ version: 4, status: 3 },
		text: "NRPE: the request names no command in UTF-8",
	});
});

test("answers are as long as check_nrpe takes them, and say when they are cut", async (t) => {
	const { ask } = await startWithNrpe(t);
	for (const [version, most] of [
		[2, 1_023],
		[3, 65_535],
		[4, 65_535],
	] as const) {
		const whole = await ask(`long!${most - 4}`, version);
		assert.equal(whole.text, `${"z".repeat(most - 4)}|a=1`);
		const { text, status } = await ask("long!70000", version);
		assert.equal(text.length, most);
		assert.match(text, /^z+ \[cut, 70004 bytes\]\|a=1$/);
		assert.equal(status, 0);
	}
	// more than the agent keeps of any output
	const { text } = await ask("long!2000000");
	assert.match(text, /^z+ \[cut, 2000004 bytes\]$/);
});

test("_NRPE_CHECK says who answers", async (t) => {
	const { ask, from } = await startWithNrpe(t);
	for (const answer of [
		await ask("_NRPE_CHECK", 2),
		await from(stranger)("_NRPE_CHECK"),
	]) {
		assert.equal(answer.status, 0);
		assert.match(answer.text, /^NRPE v4 \(happo-agent \d+\.\d+\.\d+\)$/);
	}
});

test("strangers, denied hosts and requests without a command get a reason, and run nothing", async (t) => {
	const { agent, from, ask } = await startWithNrpe(t);
	const refused = await from(stranger)("say!0!x");
	assert.equal(refused.status, 3);
	assert.match(refused.text, /^NRPE: not permitted \(id [\w-]{12}\)$/);
	assert.deepEqual(await from("127.0.0.9")("say!0!x"), {
		...{ version: 4, status: 3, text: "NRPE: Access Denied" },
	});
	assert.ok(agent.lines.includes("error Access Denied RemoteAddr=127.0.0.9"));
	assert.equal(
		(await ask("!")).text,
		"NRPE: the request names no command in UTF-8",
	);
});

test("who the client is, a certificate can say; a revoked one does not", async (t) => {
	const authority = makeCertificate({ name: "monitoring", isAuthority: true });
	const of = (name: string) =>
		makeCertificate({ issuer: authority, alternatives: { dns: [name] } });
	const own = of("nagios.example.net");
	const revoked = of("nagios.example.net");
	const directory = await temporaryDirectory(t);
	const files = {
		"client-ca-file": join(directory, "ca.pem"),
		"client-crl-file": join(directory, "crl.pem"),
	};
	await writeFile(files["client-ca-file"], authority.certificate);
	await writeFile(
		files["client-crl-file"],
		makeRevocationList({ issuer: authority, revoked: [revoked] }),
	);
	const { agent, from } = await startWithNrpe(t, {
		...files,
		"audit-log": join(directory, "audit.log"),
	});
	for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
		const with_ = ({ chain, key }: typeof own) =>
			from(stranger, { cert: chain, key, maxVersion })("say!1!x");
		assert.equal((await with_(own)).status, 1);
		for (const other of [revoked, of("other.example.net")])
			assert.match((await with_(other)).text, /^NRPE: not permitted/);
	}
	assert.match(
		agent.lines.join("\n"),
		/client certificate of 127\.0\.0\.3 .* does not count: .* is revoked/,
	);
	await agent.close();
	const lines = (await readFile(join(directory, "audit.log"), "utf8"))
		.split("\n")
		.flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
	const decision = lines.find(({ event }) => event === "decision");
	assert.deepEqual(
		[decision.protocol, decision.operation, decision.command, decision.who],
		["nrpe", "runCheck", "say", ["holder"]],
	);
	assert.equal(decision.proof.certificate.fingerprint, own.fingerprint256);
	const outcome = lines.find(
		({ event, id }) => event === "outcome" && id === decision.id,
	);
	assert.equal(outcome.exit_status, 1);
	assert.equal(outcome.http_status, undefined);
});

test("plain text, old protocols and anonymous ciphers are refused with what to change", async (t) => {
	const { agent, port } = await startWithNrpe(t);
	const plain = openNrpe(t, { port, tls: null });
	plain.socket.write(requestPacket(4, "say!0!x"));
	assert.equal((await plain.answer).length, 0);
	for (const tls of [
		{ minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL@SECLEVEL=0" },
		{ maxVersion: "TLSv1.2", ciphers: "ADH@SECLEVEL=0" },
		{ maxVersion: "TLSv1.2", ciphers: "AES128-SHA" },
	] as const)
		await assert.rejects(openNrpe(t, { port, tls }).answer);
	const seen = () =>
		agent.lines.filter((line) => line.startsWith("warning NRPE: "));
	await eventually("all are logged", () => seen().length === 3);
	assert.deepEqual(seen(), [
		"warning NRPE: 127.0.0.1 speaks without TLS: remove -n from its check_nrpe, or set nrpe-plain-text to loopback",
		"warning NRPE: 127.0.0.1 offers no TLS 1.2 or newer; SSL 3 is refused: remove -S from its check_nrpe, or install one with a newer OpenSSL",
		"warning NRPE: 127.0.0.1 offers no cipher of this agent; anonymous Diffie-Hellman is refused: remove -d 2 and -L from its check_nrpe, or install version 3 or newer of it",
	]);
});

test("plain text is for loopback only, and TLS works beside it", async (t) => {
	const { port, ask } = await startWithNrpe(t, {
		"nrpe-plain-text": "loopback",
	});
	const plain = { port, localAddress: known, tls: null };
	assert.equal((await askNrpe(t, plain, "say!1!x")).status, 1);
	assert.equal((await askNrpe(t, plain, "say!2!x", 2)).status, 2);
	assert.equal((await ask("say!1!x")).status, 1);
	// other bytes than a packet's begin a handshake, which fails
	const other = openNrpe(t, plain);
	other.socket.write("GET / HTTP/1.1\r\n\r\n");
	await other.answer.catch(() => {});
});

test("a packet may come in pieces, and end with its connection; then it runs once", async (t) => {
	const { agent, port } = await startWithNrpe(t);
	const packet = requestPacket(4, `say!0!${"y".repeat(200)}`);
	for (const size of [1, 7, 500]) {
		const { socket, answer } = openNrpe(t, { port, localAddress: known });
		await once(socket, "secureConnect");
		for (let from = 0; from < packet.length; from += size) {
			socket.write(packet.subarray(from, from + size));
			if (size > 1 || from < 40) await new Promise(setImmediate);
		}
		// a client that has closed its side gets its answer
		socket.end();
		assert.equal(readAnswer(await answer).text, "y".repeat(200));
	}
	const long = requestPacket(4, `say!0!${"y".repeat(4_000)}`);
	const { socket, answer } = openNrpe(t, { port, localAddress: known });
	socket.write(long.subarray(0, 1_500));
	socket.write(long.subarray(1_500));
	assert.match(readAnswer(await answer).text, /is longer than/);
	// a second request of a connection, and what is no packet at all
	const twice = openNrpe(t, { port, localAddress: known });
	twice.socket.write(Buffer.concat([packet, packet]));
	assert.equal(readAnswer(await twice.answer).status, 0);
	const broken = openNrpe(t, { port, localAddress: known });
	broken.socket.write(requestPacket(9, "say"));
	assert.equal((await broken.answer).length, 0);
	const half = openNrpe(t, { port, localAddress: known });
	half.socket.end(packet.subarray(0, 99));
	assert.equal((await half.answer).length, 0);
	const reasons = () =>
		agent.lines.flatMap(
			(line) => /reason="(packet: [^"]*)"/.exec(line)?.[1] ?? [],
		);
	await eventually("both are logged", () => reasons().length === 2);
	assert.deepEqual(reasons(), [
		"packet: version 9, not 2, 3 or 4",
		"packet: its connection ended or its time was over after 99 bytes",
	]);
});

test("clients that send too little, too slowly or nothing are disconnected, and hold no place", async (t) => {
	const { port, status, ask } = await startWithNrpe(t, {
		"headers-timeout-seconds": 1,
		"handshake-timeout-seconds": 1,
		"max-connections": 4,
	});
	const packet = requestPacket(4, "say!0!x");
	const silent = Array.from({ length: 8 }, (_, n) =>
		n % 2 === 0
			? openNrpe(t, { port, localAddress: stranger, tls: null })
			: openNrpe(t, { port, localAddress: stranger }),
	);
	for (const { socket } of silent.slice(4)) socket.write(packet.subarray(0, 3));
	// another client gets a place meanwhile
	assert.equal((await ask("say!0!x")).status, 0);
	for (const { answer } of silent) await answer.catch(() => {});
	await eventually(
		"their places are free",
		async () => (await status()).connections.open === 1,
	);
});

test("connections of both ports share max-connections", async (t) => {
	const { agent, port, status } = await startWithNrpe(t, {
		"max-connections": 3,
	});
	const held = [1, 2].map(() => openNrpe(t, { port, localAddress: known }));
	for (const { socket } of held) await once(socket, "secureConnect");
	const { connections } = await status();
	assert.deepEqual(connections, { open: 3, waiting: 0 });
	assert.ok(agent.port !== port);
});

test("a client that leaves ends its check, and a stop answers those that run", async (t) => {
	const { agent, port, status } = await startWithNrpe(t, {
		"stop-grace-seconds": 5,
		"nrpe-plain-text": "loopback",
	});
	const leaving = openNrpe(t, { port, localAddress: known, tls: null });
	leaving.socket.write(requestPacket(4, "sleep!60"));
	await eventually(
		"it runs",
		async () => (await status()).commands.running === 1,
	);
	leaving.socket.resetAndDestroy();
	await eventually(
		"it has ended",
		async () => (await status()).commands.running === 0,
	);
	const { socket, answer } = openNrpe(t, { port, localAddress: known });
	socket.write(requestPacket(4, "sleep!1"));
	const idle = openNrpe(t, { port, localAddress: known });
	await once(idle.socket, "secureConnect");
	await eventually(
		"it runs",
		async () => (await status()).commands.running === 1,
	);
	const closed = agent.close();
	assert.deepEqual(readAnswer(await answer), {
		...{ version: 4, status: 0, text: "slept" },
	});
	await closed;
	await idle.answer.catch(() => {});
});

test("a renewed certificate counts for new connections, and a changed policy for new requests", async (t) => {
	const { agent, port, at, ask } = await startWithNrpe(t);
	const fingerprint = async () => {
		const { socket } = openNrpe(t, { port, localAddress: known });
		await once(socket, "secureConnect");
		const { fingerprint256 } = (
			socket as import("node:tls").TLSSocket
		).getPeerCertificate();
		socket.destroy();
		return fingerprint256;
	};
	const before = await fingerprint();
	await writeTestKeyPair(agent.directory);
	await writeFile(
		at("policy.yaml"),
		policyText("  new: { run: [check_both] }\n"),
	);
	assert.equal((await ask("new")).text, "NRPE: Command 'new' not defined");
	await agent.reload();
	assert.notEqual(await fingerprint(), before);
	assert.equal((await ask("new")).text, "fine");
	// there is nothing to run but what the policy names, so that it is obeyed
	await writeFile(at("policy.yaml"), policyText("", "observe"));
	await agent.reload();
	assert.equal((await ask("new")).text, "NRPE: Command 'new' not defined");
	assert.equal((await ask("both")).text, "fine");
});

test("without a policy in force, the start says why not", async (t) => {
	await assert.rejects(startWithNrpe(t, { policy: "" }), {
		message: /^nrpe-port \d+: needs a policy, which defines the commands/,
	});
	await assert.rejects(startWithNrpe(t, {}, policyText("", "observe")), {
		message:
			/^nrpe-port \d+: needs a policy in force, and policy \S+ only observes/,
	});
	const port = await freePort();
	const { agent } = await startWithNrpe(t, { "nrpe-port": port });
	assert.ok(
		agent.lines.includes(`info NRPE: listening on 127.0.0.1 port ${port}`),
	);
	await assert.rejects(startWithNrpe(t, { "nrpe-port": port }), {
		...{ code: "EADDRINUSE", port },
	});
});
