import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import type { ShownCertificate, Trust } from "../../../src/client/index.ts";
import { createAgentClient } from "../../../src/client/index.ts";
import { keyPin } from "../../../src/protocol/pin.ts";
import { createSelfSigned } from "../../../src/tls/self-signed.ts";
import { clientOf, unreachable } from "../../support/client.ts";
import { answering, createPair, json } from "../../support/next-hop.ts";

const start = (t: TestContext, more = {}) =>
	answering(t, (response) => json(response, {}), more);

describe("the trust of a client", () => {
	const ask = (t: TestContext, port: number, trust: Trust) =>
		clientOf(t, port, { trust }).GET("/status");

	it("{}: a self-signed certificate is not trusted, and there is no retry", async (t) => {
		const server = await start(t);
		await unreachable(ask(t, server.port, {}), /self-signed/, {
			isUnsent: true,
		});
		assert.equal(server.accepted(), 1);
		assert.deepEqual(server.arrived, []);
	});

	it("a CA as text or bytes", async (t) => {
		const server = await start(t);
		for (const ca of [server.certificate, Buffer.from(server.certificate)])
			assert.equal((await ask(t, server.port, { ca })).response.status, 200);
		const { certificate: ca } = createPair();
		await unreachable(ask(t, server.port, { ca }), /not trusted|not signed/);
		assert.equal(server.arrived.length, 2);
	});

	it("a fingerprint replaces the CA", async (t) => {
		const server = await start(t);
		const right = new X509Certificate(server.certificate).fingerprint256;
		const { certificate: ca } = createPair();
		for (const fingerprint of [right, right.replaceAll(":", "").toLowerCase()])
			assert.equal(
				(await ask(t, server.port, { fingerprint, ca })).response.status,
				200,
			);
		const fingerprint = "ab".repeat(32);
		await unreachable(
			ask(t, server.port, { fingerprint }),
			/certificate fingerprint is .*, not AB:/,
			{ isUnsent: true },
		);
		assert.equal(server.arrived.length, 2);
	});

	it("a public key stays right when the certificate is renewed", async (t) => {
		const { certificate, privateKey } = createPair();
		const renewed = createSelfSigned({
			...{ commonName: "renewed", names: ["h"], now: new Date(), privateKey },
		});
		const server = await start(t, {
			cert: renewed.certificate,
			key: privateKey,
		});
		const fingerprint = keyPin(new X509Certificate(certificate));
		assert.equal(
			(await ask(t, server.port, { fingerprint })).response.status,
			200,
		);
		const other = keyPin(new X509Certificate(createPair().certificate));
		await unreachable(
			ask(t, server.port, { fingerprint: other }),
			/public key is sha256\S+, not sha256\S+$/,
			{ isUnsent: true },
		);
		assert.equal(server.arrived.length, 1);
	});

	it("a function of the program that gets the certificate", async (t) => {
		const server = await start(t);
		const seen: string[] = [];
		const verify = ({ fingerprint256 }: ShownCertificate) => {
			seen.push(fingerprint256);
			return seen.length === 1 ? undefined : "not today";
		};
		assert.equal((await ask(t, server.port, { verify })).response.status, 200);
		await unreachable(ask(t, server.port, { verify }), /: not today$/, {
			isUnsent: true,
		});
		const { fingerprint256 } = new X509Certificate(server.certificate);
		assert.deepEqual(seen, [fingerprint256, fingerprint256]);
		assert.equal(server.arrived.length, 1);
	});

	it("a client certificate, its key encrypted or not", async (t) => {
		const own = createPair();
		const server = await start(t, {
			requestCert: true,
			rejectUnauthorized: true,
			ca: own.certificate,
		});
		const { certificate, privateKey: key } = own;
		const ca = server.certificate;
		await unreachable(
			ask(t, server.port, { ca }),
			/certificate required|reset|closed/,
		);
		assert.deepEqual(server.arrived, []);
		const encrypted = createPrivateKey(key).export({
			type: "pkcs8",
			format: "pem",
			cipher: "aes-256-cbc",
			passphrase: "open",
		});
		for (const more of [
			{ key },
			{ key: encrypted, passphrase: "open" },
			{ key: Buffer.from(key) },
		])
			assert.equal(
				(await ask(t, server.port, { ca, certificate, ...more })).response
					.status,
				200,
			);
	});

	const { certificate, privateKey: key } = createPair();
	for (const [what, trust, reason] of [
		["none", undefined, /^trust: neither "unverified" nor an object$/],
		["null", null, /^trust: neither/],
		["true", true, /^trust: neither/],
		["a short pin", { fingerprint: "ab" }, /^trust\.fingerprint: not 32 bytes/],
		["no PEM", { ca: "x" }, /^trust: /],
		["a certificate alone", { certificate }, /^trust: only one of/],
		["a key alone", { key }, /^trust: only one of/],
		[
			"another's key",
			{ certificate, key: createPair().privateKey },
			/^trust: .*(mismatch|key)/,
		],
		[
			"two ways at once",
			{ fingerprint: "ab".repeat(32), verify: () => undefined },
			/^trust: both fingerprint and verify are set$/,
		],
		["an invalid CA", { ca: "x" }, /^trust: ca: no certificate \(PEM\)$/],
		[
			"an invalid certificate",
			{ certificate: "x", key },
			/^trust: certificate: no certificate \(PEM\)$/,
		],
		[
			"an invalid key",
			{ certificate, key: "x" },
			/^trust: key: no private key \(PEM\), or wrong passphrase$/,
		],
		[
			"the key of another certificate",
			{ certificate, key: createPair().privateKey },
			/^trust: key: does not belong to the certificate$/,
		],
	] as const)
		it(`${what}: is reported when the client is created`, () => {
			assert.throws(
				() => createAgentClient({ agent: "h", trust: trust as Trust }),
				{ name: "OptionsError", message: reason },
			);
		});
});

describe("the options of a client", () => {
	for (const [options, reason] of [
		[{ agent: "" }, /^agent: not HOST/],
		[{ agent: "https://h" }, /^agent: not HOST/],
		[{ agent: "h:0" }, /^agent: not HOST/],
		[{ via: ["b", "b:x"] }, /^via\[1\]: not HOST.*: b:x$/],
		[{ timeoutMilliseconds: 0 }, /^timeoutMilliseconds: not between/],
		[{ timeoutMilliseconds: Number.NaN }, /^timeoutMilliseconds: not between/],
		[{ timeoutMilliseconds: 1e9 }, /^timeoutMilliseconds: not between/],
		[{ retries: -1 }, /^retries: not a whole number/],
		[{ retries: 1.5 }, /^retries: not a whole number/],
		[{ maxAnswerBytes: -1 }, /^maxAnswerBytes: not a whole number/],
	] as const)
		it(JSON.stringify(options), () => {
			assert.throws(
				() =>
					createAgentClient(Object.assign({ agent: "h", trust: {} }, options)),
				{ name: "OptionsError", message: reason },
			);
		});
});
