import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startTestAgent } from "../../support/agent.ts";
import { eventually } from "../../support/eventually.ts";
import { send } from "../../support/https.ts";
import { checkedByPromtool, missing } from "../../support/prometheus.ts";
import {
	type Made,
	makeCertificate,
	makeRevocationList,
} from "../../support/small-ca.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { openWire, requestText } from "../../support/wire.ts";

const day = 86_400_000;
const to = Math.floor(Date.now() / 1000) * 1000 + 100 * day;

const first = makeCertificate({ name: "first", isAuthority: true, to });
const second = makeCertificate({ name: "second", isAuthority: true, to });
const ofFirst = makeCertificate({ name: "one", issuer: first });
const ofSecond = makeCertificate({ name: "two", issuer: second });

/** An agent that asks clients for certificates of `first`, and its files. */
async function start(t: TestContext) {
	const directory = await temporaryDirectory(t);
	const caFile = join(directory, "ca.pem");
	const crlFile = join(directory, "crl.pem");
	await writeFile(caFile, first.certificate);
	await writeFile(crlFile, makeRevocationList({ issuer: first, to }));
	const agent = await startTestAgent(t, {
		"allowed-hosts": ["127.0.0.0/8"],
		"client-ca-file": caFile,
		"client-crl-file": crlFile,
		"certificate-check-seconds": 1,
	});
	let clients = 1;
	/** What the log says about the certificate of a client; undefined if nothing. */
	const complaint = async (who: Made) => {
		agent.lines.splice(0);
		// the log has each reason once for each address
		const localAddress = `127.0.0.${++clients}`;
		const { port } = agent;
		const tls = { key: who.key, cert: who.chain };
		const wire = openWire(t, { port, localAddress, tls });
		wire.socket.write(requestText("GET /"));
		await wire.until(/OK$/);
		wire.socket.destroy();
		return agent.lines.find((line) => line.includes("client certificate of"));
	};
	return { ...agent, caFile, crlFile, complaint };
}

test("CAs and revocation lists are shown in status and metrics", async (t) => {
	const { port, caFile, crlFile } = await start(t);
	const { json } = await send({ port, path: "/status" });
	const { client_certificates: shown } = json as {
		client_certificates: { revocation_lists: { this_update: number }[] };
	};
	for (const list of shown.revocation_lists)
		assert.ok(Math.abs(list.this_update * 1000 + day - Date.now()) < 100_000);
	assert.deepEqual(shown, {
		ca_file: caFile,
		authorities: [
			{
				subject: "CN=first",
				not_after: to / 1000,
				fingerprint_sha256: first.fingerprint256,
			},
		],
		crl_file: crlFile,
		revocation_lists: [
			{
				issuer: "CN=first",
				this_update: shown.revocation_lists[0]?.this_update,
				next_update: to / 1000,
				revoked: 0,
			},
		],
	});
	const { text } = await send({ port, path: "/metrics" });
	const seconds = String(to / 1000);
	for (const line of [
		`happo_agent_client_ca_expiry_timestamp_seconds{subject="CN=first",fingerprint="${first.fingerprint256}"} ${seconds}`,
		`happo_agent_client_crl_expiry_timestamp_seconds{issuer="CN=first"} ${seconds}`,
	])
		assert.ok(text.includes(`\n${line}\n`), line);
	if (!missing.promtool) assert.equal(checkedByPromtool(text), "");
});

test("an agent that asks for no certificates shows no CAs", async (t) => {
	const { port } = await startTestAgent(t);
	const { json } = await send({ port, path: "/status" });
	const { client_certificates } = json as { client_certificates: null };
	assert.equal(client_certificates, null);
	const { text } = await send({ port, path: "/metrics" });
	assert.doesNotMatch(text, /client_ca_expiry_timestamp_seconds\{/);
});

test("files are read again on request and when they change, and the server asks with the new CAs", async (t) => {
	const { complaint, caFile, crlFile, lines, reload, port } = await start(t);
	assert.equal(await complaint(ofFirst), undefined);
	assert.match((await complaint(ofSecond)) ?? "", /does not end at a root CA/);
	await writeFile(caFile, second.certificate);
	await writeFile(crlFile, makeRevocationList({ issuer: second, to }));
	await reload();
	assert.equal(await complaint(ofSecond), undefined);
	assert.match((await complaint(ofFirst)) ?? "", /does not end at a root CA/);
	lines.splice(0);
	await writeFile(
		crlFile,
		makeRevocationList({ issuer: second, revoked: [ofSecond], to }),
	);
	await eventually("the list is in use", () =>
		lines.some((line) => /client-ca-file .*: now in use: /.test(line)),
	);
	await writeFile(crlFile, "garbage");
	await reload();
	const { json } = await send({ port, path: "/status" });
	const { client_certificates: shown } = json as {
		client_certificates: {
			problem: string;
			revocation_lists: { revoked: number }[];
		};
	};
	assert.match(shown.problem, /crl\.pem: no PEM revocation list in it/);
	assert.equal(shown.revocation_lists[0]?.revoked, 1);
});

test("a list without CAs and unusable files stop the start", async (t) => {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "list.pem");
	await writeFile(file, "garbage");
	await assert.rejects(startTestAgent(t, { "client-crl-file": file }), {
		message: `client-crl-file ${file}: needs client-ca-file, too`,
	});
	await assert.rejects(startTestAgent(t, { "client-ca-file": file }), {
		message: `client-ca-file ${file}: no PEM certificate in it`,
	});
});
