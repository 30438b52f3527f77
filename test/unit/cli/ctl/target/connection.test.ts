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
import { silentPort } from "../../../../support/web-page.ts";

const target = {
	name: "certificates:6777",
	// nothing listens here, so there is no certificate to see
	agent: { host: "127.0.0.1", port: 1 },
	via: [],
};

const advising = {
	timeoutMilliseconds: 1000,
	known: { advice: () => assert.fail("saw a certificate") },
};

/** The failure of a host for an error with this code. */
const failure = (message: string, code?: string) =>
	failureOf(
		new AgentUnreachable(`certificates:6777: ${message}`, {
			cause: code && Object.assign(new Error(message), { code }),
		}),
		target,
		advising,
	);

test("an untrusted certificate comes with advice", async () => {
	for (const code of [
		"DEPTH_ZERO_SELF_SIGNED_CERT",
		"UNABLE_TO_VERIFY_LEAF_SIGNATURE",
		"CERT_HAS_EXPIRED",
		"ERR_TLS_CERT_ALTNAME_INVALID",
	])
		assert.deepEqual(await failure("no", code), {
			reason: "untrusted",
			message: "no; see --ca-file, --known-hosts and --fingerprint",
		});
	assert.deepEqual(await failure("fingerprint is A, not B", "FINGERPRINT"), {
		reason: "untrusted",
		message: "fingerprint is A, not B",
	});
});

test("the look at a certificate ends when nobody waits for it", {
	timeout: 20_000,
}, async (t) => {
	const port = await silentPort(t);
	const ending = new AbortController();
	const ask = () =>
		failureOf(
			new AgentUnreachable("no", {
				cause: Object.assign(new Error("no"), { code: "CERT_HAS_EXPIRED" }),
			}),
			{ ...target, agent: { host: "127.0.0.1", port } },
			{ ...advising, timeoutMilliseconds: 60_000, signal: ending.signal },
		);
	const asked = ask();
	ending.abort();
	assert.equal((await asked)?.reason, "untrusted");
	assert.equal((await ask())?.reason, "untrusted");
});

test("there is no advice for other errors that mention a certificate", async () => {
	for (const [message, code] of [
		// only the name of the host contains the word
		["connection refused", "ECONNREFUSED"],
		// a bastion reports its next hop's certificate
		["db01:6777: certificate is self-signed and not trusted", undefined],
		// the agent rejects our certificate
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

test("an answer that does not fit the contract is a failure of the host; our own errors are not", async () => {
	assert.deepEqual(
		await failureOf(
			new UnexpectedAnswer("certificates:6777", 200, "app_version: missing"),
			target,
			advising,
		),
		{
			reason: "failed",
			status: 200,
			message: "its answer does not fit the contract (app_version: missing)",
		},
	);
	assert.equal(
		await failureOf(new TypeError("ours"), target, advising),
		undefined,
	);
});

test("errors in options name the flag", () => {
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
