import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { closeSync, constants, openSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import fc from "fast-check";
import { readCertificate } from "../../../src/tls/certificate.ts";
import {
	type ClientTrust,
	clientTrustWarnings,
	createClientTrustKeeper,
	loadClientTrust,
} from "../../../src/tls/client-trust.ts";
import { der, elementsIn, extension, tags } from "../../../src/tls/der.ts";
import { readRevocationList } from "../../../src/tls/revocation-list.ts";
import { recordingLog } from "../../support/agent.ts";
import { makeCertificate, makeRevocationList } from "../../support/small-ca.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const day = 86_400_000;

const root = makeCertificate({ name: "root", isAuthority: true });
const intermediate = makeCertificate({
	name: "intermediate",
	issuer: root,
	isAuthority: true,
});
const client = makeCertificate({ name: "icinga", issuer: intermediate });
const list = makeRevocationList({ issuer: root, revoked: [intermediate] });

const files = async (t: TestContext) => {
	const directory = await temporaryDirectory(t);
	const caFile = join(directory, "ca.pem");
	const crlFile = join(directory, "crl.pem");
	await writeFile(caFile, root.certificate);
	await writeFile(crlFile, list);
	return { caFile, crlFile };
};

const bytesOf = (pem: string) =>
	Buffer.from(pem.replace(/-----[^-]*-----/g, ""), "base64");

describe("client-ca-file and client-crl-file", () => {
	it("hold certificates and lists, with text around them", async (t) => {
		const { caFile, crlFile } = await files(t);
		await writeFile(
			caFile,
			`# our CAs\n${root.certificate}\nand\n${intermediate.certificate}\nagain\n${root.certificate}`,
		);
		const trust = await loadClientTrust({ caFile, crlFile });
		assert.deepEqual(
			trust.authorities.map(({ title }) => title),
			["CN=root", "CN=intermediate"],
		);
		assert.deepEqual(
			trust.anchors.map(({ title }) => title),
			["CN=root"],
		);
		const [found] = trust.lists ?? [];
		assert.equal(found?.title, "CN=root");
		assert.equal(found?.size, 1);
		assert.ok(found?.revokes(intermediate.serial.toString("hex")));
		assert.ok(!found?.revokes(client.serial.toString("hex")));
		const without = await loadClientTrust({ caFile, crlFile: "" });
		assert.equal(without.lists, undefined);
	});

	it("are refused with the file and the reason if they are unusable", async (t) => {
		const { caFile, crlFile } = await files(t);
		const cut = (pem: string) => pem.slice(0, pem.length / 2);
		const damaged = (pem: string) => {
			const bytes = bytesOf(pem);
			bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 0xff;
			const [begin, end] = pem.match(/-----[^-]*-----/g) ?? [];
			return `${begin}\n${bytes.toString("base64")}\n${end}\n`;
		};
		const issuer = root;
		const noSigner = makeCertificate({
			name: "no lists",
			isAuthority: true,
			keyUsage: 0x04,
		});
		const cases: [string, string, string][] = [
			["ca", "garbage", "no PEM certificate in it"],
			["ca", cut(root.certificate), "no PEM certificate in it"],
			[
				"ca",
				root.certificate + cut(root.certificate),
				"a certificate in it is cut off",
			],
			[
				"ca",
				root.certificate +
					"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
				"certificate 2: damaged",
			],
			[
				"ca",
				intermediate.certificate,
				"none of its certificates is self-signed: add the root CA",
			],
			[
				"crl",
				"garbage",
				"no PEM revocation list in it (openssl crl converts: -inform DER -in FILE -out FILE)",
			],
			["crl", list + cut(list), "a revocation list in it is cut off"],
			["crl", list + list, "revocation list 2: another one of CN=root"],
			[
				"crl",
				makeRevocationList({ issuer, isKeyless: true, to: null }),
				"revocation list 1: does not say when the next one comes (nextUpdate)",
			],
			[
				"crl",
				makeRevocationList({ issuer, signer: intermediate }),
				"revocation list 1: not signed by CN=root, or that CA may not sign lists",
			],
			[
				"crl",
				makeRevocationList({
					issuer,
					// IssuingDistributionPoint
					extensions: [extension("551d1c", true, der(tags.sequence))],
				}),
				"revocation list 1: covers only a part of its issuer's certificates, or more: critical extension 551d1c",
			],
		];
		for (const [which, text, reason] of cases) {
			const file = which === "ca" ? caFile : crlFile;
			await writeFile(caFile, root.certificate);
			await writeFile(crlFile, list);
			await writeFile(file, text);
			await assert.rejects(loadClientTrust({ caFile, crlFile }), {
				name: "ClientTrustError",
				message: `client-${which}-file ${file}: ${reason}`,
			});
		}
		await writeFile(caFile, root.certificate);
		await writeFile(crlFile, damaged(list));
		await assert.rejects(
			loadClientTrust({ caFile, crlFile }),
			/client-crl-file .*: revocation list 1: /,
		);
		await writeFile(caFile, root.certificate + noSigner.certificate);
		await writeFile(crlFile, makeRevocationList({ issuer: noSigner }));
		await assert.rejects(
			loadClientTrust({ caFile, crlFile }),
			/not signed by CN=no lists, or that CA may not sign lists$/,
		);
		await rm(crlFile);
		await assert.rejects(loadClientTrust({ caFile, crlFile }), {
			message: `client-crl-file ${crlFile}: no such file or directory`,
		});
	});

	it("warn of CAs that soon expire, and of lists that have", async (t) => {
		const now = Date.now();
		const { caFile, crlFile } = await files(t);
		const issuer = makeCertificate({
			name: "old",
			isAuthority: true,
			to: now + 10.5 * day,
		});
		await writeFile(caFile, root.certificate + issuer.certificate);
		await writeFile(
			crlFile,
			list + makeRevocationList({ issuer, to: now + day }),
		);
		const trust = await loadClientTrust({ caFile, crlFile });
		const warnings = (days: number) =>
			clientTrustWarnings(trust, now + days * day).map((line) =>
				line.replace(/on 2[^;]*/, "on DATE"),
			);
		assert.deepEqual(warnings(0), [
			"client CA CN=old: expires in 10 days, on DATE",
		]);
		assert.deepEqual(warnings(20), [
			"client CA CN=old: expired on DATE",
			"revocation list of CN=old: expired on DATE; no certificate of this CA counts",
		]);
	});
});

it("a keeper uses changed files, and keeps the old ones if one is unusable", async (t) => {
	const both = await files(t);
	const { log, lines } = recordingLog();
	const used: ClientTrust[] = [];
	const keeper = createClientTrustKeeper({
		files: both,
		initial: await loadClientTrust(both),
		use: (trust) => used.push(trust),
		look: async () => {},
		log,
		now: Date.now,
		intervalMilliseconds: 1_000_000,
	});
	t.after(() => keeper.stop());
	await keeper.reload();
	assert.equal(used.length, 0);
	await writeFile(both.crlFile, makeRevocationList({ issuer: root }));
	await keeper.reload();
	assert.equal(used.at(-1)?.lists?.[0]?.size, 0);
	await writeFile(both.caFile, root.certificate + intermediate.certificate);
	await writeFile(both.crlFile, "garbage");
	lines.splice(0);
	await keeper.reload();
	assert.equal(used.length, 1);
	assert.equal(keeper.current(), used[0]);
	assert.match(keeper.problem ?? "", /crl\.pem: no PEM revocation list/);
	assert.match(
		lines.join("\n"),
		/^error client-crl-file .*; the old one stays in use: 1 certificate, 1 revocation list$/,
	);
	await writeFile(both.crlFile, list);
	await keeper.reload();
	assert.equal(keeper.problem, undefined);
	assert.equal(used.at(-1)?.authorities.length, 2);
	const old = makeRevocationList({
		issuer: root,
		from: Date.now() - 2 * day,
		to: Date.now() - day,
	});
	await writeFile(both.crlFile, old);
	await keeper.reload();
	assert.match(
		lines.at(-1) ?? "",
		/^warning revocation list of CN=root: expired/,
	);
});

describe("what OpenSSL writes", () => {
	it("is read: lists signed with RSA, RSASSA-PSS, ECDSA and Ed25519", async (t) => {
		const directory = await temporaryDirectory(t);
		const openssl = (...words: string[]) =>
			execFileSync("openssl", words, { cwd: directory, stdio: "pipe" });
		await writeFile(
			join(directory, "ca.cnf"),
			"[ca]\ndefault_ca=it\n[it]\ndatabase=database\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=2\n[v3]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\n",
		);
		await writeFile(join(directory, "number"), "01\n");
		await writeFile(
			join(directory, "database"),
			"R\t351130000000Z\t251130000000Z,keyCompromise\t80FE\tunknown\t/CN=web\n",
		);
		const pss = [
			"-sigopt",
			"rsa_padding_mode:pss",
			"-sigopt",
			"rsa_pss_saltlen:32",
		];
		const kinds: [string, string[], string[]][] = [
			["rsa", ["rsa", "-pkeyopt", "rsa_keygen_bits:2048"], []],
			["pss", ["rsa", "-pkeyopt", "rsa_keygen_bits:2048"], pss],
			["rsa-pss", ["rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"], []],
			["ec", ["EC", "-pkeyopt", "ec_paramgen_curve:P-384"], ["-md", "sha384"]],
			["ed25519", ["ed25519"], []],
		];
		for (const [name, key, sign] of kinds) {
			openssl("genpkey", "-algorithm", ...key, "-out", "key");
			openssl(
				...[
					"req",
					"-x509",
					"-new",
					"-key",
					"key",
					"-subj",
					`/O=Ex, Inc/CN=${name}`,
				],
				...["-config", "/dev/null", "-days", "2", "-out", `${name}.pem`],
				...["-addext", "keyUsage=keyCertSign,cRLSign"],
			);
			openssl(
				...["ca", "-config", "ca.cnf", "-gencrl", "-keyfile", "key", ...sign],
				...["-cert", `${name}.pem`, "-out", `${name}.crl`],
			);
			const trust = await loadClientTrust({
				caFile: join(directory, `${name}.pem`),
				crlFile: join(directory, `${name}.crl`),
			});
			const [found] = trust.lists ?? [];
			assert.equal(found?.title, `O=Ex, Inc, CN=${name}`);
			// a serial number with a sign byte
			assert.ok(found.revokes("0080fe"), name);
		}
	});

	it("is refused if it is signed with SHA-1", () => {
		const bytes = bytesOf(list);
		// ecdsa-with-SHA1, of another length, in both places
		const sha1 = Buffer.from("2a8648ce3d040302", "hex");
		for (
			let at = bytes.indexOf(sha1);
			at >= 0;
			at = bytes.indexOf(sha1, at + 1)
		)
			bytes[at + 7] = 0x00;
		assert.throws(() => readRevocationList(bytes), {
			name: "DerError",
			message: /not supported/,
		});
	});
});

describe("bytes that are not DER", () => {
	it("are refused", () => {
		for (const [hex, reason] of [
			["30", /cut off/],
			["3005", /cut off/],
			["308000", /indefinite/],
			["308101ff", /shortest/],
			["30820001ff", /shortest/],
			["3085010000000000", /huge/],
			["3f0100", /tag/],
		] as const)
			assert.throws(() => elementsIn(Buffer.from(hex, "hex")), reason, hex);
	});

	it("never end in anything but a DerError, or in another list", () => {
		const bytes = bytesOf(list);
		fc.assert(
			fc.property(
				fc.array(
					fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 })),
					{ minLength: 1, maxLength: 4 },
				),
				fc.nat(bytes.length),
				(changes, length) => {
					const changed = Buffer.from(bytes);
					for (const [at, byte] of changes) changed[at] = byte;
					for (const given of [changed, bytes.subarray(0, length)])
						try {
							const found = readRevocationList(given);
							if (given.equals(bytes)) continue;
							const authority = readCertificate(
								new X509Certificate(root.certificate),
							);
							assert.equal(found.isIssuedBy(authority), false);
						} catch (error) {
							assert.equal((error as Error).name, "DerError");
						}
				},
			),
			{ numRuns: 2_000 },
		);
	});
});

it("a FIFO is refused, which might be read without end", async (t) => {
	const caFile = join(await temporaryDirectory(t), "ca.pem");
	execFileSync("mkfifo", [caFile]);
	// ends the reading, should there be one
	const late = setTimeout(
		() => closeSync(openSync(caFile, constants.O_RDWR | constants.O_NONBLOCK)),
		5_000,
	);
	await assert
		.rejects(loadClientTrust({ caFile, crlFile: "" }), {
			name: "ClientTrustError",
			message: `client-ca-file ${caFile}: not a regular file`,
		})
		.finally(() => clearTimeout(late));
});
