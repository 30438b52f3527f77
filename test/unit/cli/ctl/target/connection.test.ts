import assert from "node:assert/strict";
import { test } from "node:test";
import {
	connectTo,
	failureOf,
} from "../../../../../cli/ctl/target/connection.ts";
import {
	AgentUnreachable,
	UnexpectedAnswer,
} from "../../../../../src/client/index.ts";

const target = {
	name: "certificates:6777",
	// refuses at once: there is no certificate to be seen
	agent: { host: "127.0.0.1", port: 1 },
	via: [],
};

/** What is told of a host for an error with a code. */
const failure = (message: string, code?: string) =>
	failureOf(
		new AgentUnreachable(`certificates:6777: ${message}`, {
			cause: code && Object.assign(new Error(message), { code }),
		}),
		target,
		1000,
	);

test("a certificate that is not believed comes with advice", async () => {
	for (const code of [
		"DEPTH_ZERO_SELF_SIGNED_CERT",
		"UNABLE_TO_VERIFY_LEAF_SIGNATURE",
		"CERT_HAS_EXPIRED",
		"ERR_TLS_CERT_ALTNAME_INVALID",
	])
		assert.deepEqual(await failure("no", code), {
			reason: "untrusted",
			message: "no; see --ca-file and --fingerprint",
		});
	assert.deepEqual(await failure("fingerprint is A, not B", "FINGERPRINT"), {
		reason: "untrusted",
		message: "fingerprint is A, not B",
	});
});

test("the word certificate alone is no reason for advice", async () => {
	for (const [message, code] of [
		// the name of the host has it
		["connection refused", "ECONNREFUSED"],
		// a bastion speaks of the next hop
		["db01:6777: certificate is self-signed and not trusted", undefined],
		// the agent does not believe us
		[
			"TLS: tlsv13 alert certificate required",
			"ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
		],
	] as const)
		assert.deepEqual(await failure(message, code), {
			reason: "unreachable",
			message,
		});
});

test("an answer that is not of the contract is a failure of the host, an error of ours is none", async () => {
	assert.deepEqual(
		await failureOf(
			new UnexpectedAnswer("certificates:6777", 200, "app_version: missing"),
			target,
			1000,
		),
		{
			reason: "failed",
			status: 200,
			message: "its answer is not what an agent answers (app_version: missing)",
		},
	);
	assert.equal(await failureOf(new TypeError("ours"), target, 1000), undefined);
});

test("options are known by their names, whatever is said of them", () => {
	const settings = { timeoutMilliseconds: 1000, apiKey: "" };
	for (const [trust, message] of [
		[{ ca: "x" }, "--ca-file: no certificate (PEM)"],
		[{ certificate: "x", key: "y" }, "--certificate: no certificate (PEM)"],
	] as const)
		assert.throws(
			() => connectTo(target, { ...settings, trust: () => trust }),
			{ message },
		);
});
