import assert from "node:assert/strict";
import { test } from "node:test";
import { failureOf } from "../../../../../cli/ctl/target/connection.ts";
import { AgentUnreachable } from "../../../../../src/client/index.ts";

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
