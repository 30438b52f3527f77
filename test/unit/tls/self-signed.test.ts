import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, get } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { createSelfSigned } from "../../../src/tls/self-signed.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const run = promisify(execFile);

/** Runs a program; if it is not installed, skips the test and returns undefined. */
async function peer(t: TestContext, program: string, ...words: string[]) {
	try {
		return (await run(program, words)).stdout;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
		t.skip(`${program} is not installed`);
		return undefined;
	}
}

const names = [
	"localhost",
	"web-1.example.com",
	"my_host",
	"127.0.0.1",
	"10.20.30.255",
	"::1",
	"2001:db8::a:0:1",
	"1:2:3:4:5:6:7:8",
	"fd00::",
	"::ffff:192.0.2.1",
	"localhost", // twice
];
const now = new Date("2026-11-22T12:00:00Z");

function certificateOf(parts: Partial<Parameters<typeof createSelfSigned>[0]>) {
	const made = createSelfSigned({ commonName: "web1", names, now, ...parts });
	return new X509Certificate(made.certificate);
}

test("a self-signed pair is an ECDSA P-256 key and a certificate that it signed", () => {
	const made = createSelfSigned({ commonName: "wéb1", names, now });
	const key = createPrivateKey(made.privateKey);
	const certificate = new X509Certificate(made.certificate);
	assert.match(made.privateKey, /^-----BEGIN PRIVATE KEY-----\n/);
	assert.deepEqual(key.asymmetricKeyDetails, { namedCurve: "prime256v1" });
	assert.equal(certificate.subject, "CN=wéb1");
	assert.equal(certificate.issuer, certificate.subject);
	assert.equal(certificate.checkPrivateKey(key), true);
	assert.equal(certificate.verify(certificate.publicKey), true);
	assert.equal(certificate.ca, false);
	assert.match(certificate.serialNumber, /^[4-7][0-9A-F]{31}$/);
	assert.equal(
		certificate.subjectAltName,
		[
			"DNS:localhost",
			"DNS:web-1.example.com",
			"DNS:my_host",
			"IP Address:127.0.0.1",
			"IP Address:10.20.30.255",
			"IP Address:0:0:0:0:0:0:0:1",
			"IP Address:2001:DB8:0:0:0:A:0:1",
			"IP Address:1:2:3:4:5:6:7:8",
			"IP Address:FD00:0:0:0:0:0:0:0",
			"IP Address:0:0:0:0:0:FFFF:C000:201",
		].join(", "),
	);
	for (const name of names.filter((name) => /^[\d.]+$|:/.test(name)))
		assert.equal(certificate.checkIP(name), name);
	assert.equal(certificate.checkHost("localhost"), "localhost");
	assert.equal(certificate.checkHost("web2"), undefined);
});

test("serial numbers and keys differ", () => {
	const [one, other] = [certificateOf({}), certificateOf({})];
	assert.notEqual(one.serialNumber, other.serialNumber);
	assert.notEqual(one.fingerprint256, other.fingerprint256);
});

test("it is valid from an hour ago, for ten years or the given days", () => {
	assert.equal(certificateOf({}).validFrom, "Nov 22 11:00:00 2026 GMT");
	assert.equal(certificateOf({}).validTo, "Nov 19 12:00:00 2036 GMT");
	assert.equal(certificateOf({ days: 1 }).validTo, "Nov 23 12:00:00 2026 GMT");
});

test("dates are UTCTime until 2049 and GeneralizedTime from 2050 on (RFC 5280 4.1.2.5)", () => {
	const raw = (date: string) =>
		certificateOf({ now: new Date(date), days: 1 }).raw.toString("latin1");
	const before = raw("2049-12-30T23:59:59.999Z");
	assert.ok(before.includes("\x17\x0d491230225959Z\x17\x0d491231235959Z"));
	const across = raw("2049-12-31T12:00:00Z");
	assert.ok(across.includes("\x17\x0d491231110000Z\x18\x0f20500101120000Z"));
});

test("it can be created without names, with a long common name and with very many names", () => {
	assert.equal(certificateOf({ names: [] }).subjectAltName, undefined);
	assert.equal(
		certificateOf({ commonName: "x".repeat(65) }).subject,
		`CN=${"x".repeat(64)}`,
	);
	const many = Array.from({ length: 5000 }, (_, i) => `host-${i}.example.com`);
	const certificate = certificateOf({ names: many });
	assert.equal(
		certificate.checkHost("host-4999.example.com") !== undefined,
		true,
	);
});

test("refuses invalid names and addresses", () => {
	for (const name of ["", "a b", "a\0b", "wéb", "fe80::1%eth0", "a:b"])
		assert.throws(
			() => createSelfSigned({ commonName: "web1", names: [name], now }),
			TypeError,
		);
});

test("openssl verifies it against itself, strictly, as a server's certificate", async (t) => {
	const file = join(await temporaryDirectory(t), "self.pem");
	const pair = createSelfSigned({ commonName: "web1", names, now: new Date() });
	await writeFile(file, pair.certificate);
	const words = [..."-x509_strict -check_ss_sig -purpose sslserver".split(" ")];
	for (const extra of [[], words, ["-verify_ip", "2001:db8::a:0:1"]]) {
		const arguments_ = ["verify", ...extra, "-CAfile", file, file];
		const answer = await peer(t, "openssl", ...arguments_);
		if (answer === undefined) return;
		assert.equal(answer, `${file}: OK\n`);
	}
	const text = (await peer(t, "openssl", "x509", "-text", "-in", file)) ?? "";
	assert.match(text, /Basic Constraints: critical\s+CA:FALSE/);
	assert.match(text, /Key Usage: critical\s+Digital Signature\n/);
	assert.match(
		text,
		/TLS Web Server Authentication, TLS Web Client Authentication\n/,
	);
	const [, subjectId] = /Subject Key Identifier:\s+(\S+)/.exec(text) ?? [];
	assert.match(subjectId ?? "", /^([0-9A-F]{2}:){19}[0-9A-F]{2}$/);
	assert.ok(text.split(subjectId ?? "").length >= 3, "authority = subject id");
});

async function selfSignedServer(t: TestContext) {
	const pair = createSelfSigned({ commonName: "web1", names, now: new Date() });
	const parts = { cert: pair.certificate, key: pair.privateKey };
	const server = createServer(parts, (_, response) => response.end("OK"));
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	return { pair, port: (server.address() as AddressInfo).port };
}

test("Node trusts it as its own authority, by name and by address, and no other pair", async (t) => {
	const { pair, port } = await selfSignedServer(t);
	const other = createSelfSigned({
		commonName: "web1",
		names,
		now: new Date(),
	});
	const ask = async (ca: string, servername: string) => {
		const options = { host: "127.0.0.1", port, servername, ca, agent: false };
		const [response] = await once(get(options), "response");
		response.resume();
		await once(response, "end");
		return response.statusCode;
	};
	assert.equal(await ask(pair.certificate, "localhost"), 200);
	assert.equal(await ask(pair.certificate, ""), 200);
	await assert.rejects(ask(pair.certificate, "web2"), {
		code: "ERR_TLS_CERT_ALTNAME_INVALID",
	});
	await assert.rejects(ask(other.certificate, "localhost"), {
		code: /DEPTH_ZERO_SELF_SIGNED_CERT|CERT_SIGNATURE_FAILURE/,
	});
});

test("curl trusts it with --cacert", async (t) => {
	const { pair, port } = await selfSignedServer(t);
	const file = join(await temporaryDirectory(t), "self.pem");
	await writeFile(file, pair.certificate);
	for (const host of ["127.0.0.1", "localhost"]) {
		const url = `https://${host}:${port}/`;
		const answer = await peer(t, "curl", "-4sS", "--cacert", file, url);
		if (answer === undefined) return;
		assert.equal(answer, "OK");
	}
});
