import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import {
	chmod,
	lstat,
	mkdir,
	readdir,
	readFile,
	symlink,
	writeFile,
} from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import {
	type KeyPair,
	KeyPairError,
	loadKeyPair,
	tlsOptions,
	validityWarning,
} from "../../../src/tls/key-pair.ts";
import { createKeyPairFiles } from "../../../src/tls/key-pair-files.ts";
import { createSelfSigned } from "../../../src/tls/self-signed.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const run = promisify(execFile);
const now = new Date("2026-11-22T12:00:00Z");

/** Expects one line, without a line break, from a KeyPairError. */
async function refused(pair: Promise<unknown>, message: string | RegExp) {
	await assert.rejects(pair, (error) => {
		assert.ok(error instanceof KeyPairError, String(error));
		assert.doesNotMatch(error.message, /\n/);
		if (typeof message === "string") assert.equal(error.message, message);
		else assert.match(error.message, message);
		return true;
	});
}

/** A directory with a self-signed pair `web.pem`, `web.key`; needs no openssl. */
async function pairFiles(t: TestContext) {
	const directory = await temporaryDirectory(t);
	const file = (name: string) => join(directory, name);
	const made = createSelfSigned({ commonName: "web1", names: [], now });
	await writeFile(file("web.pem"), made.certificate);
	await writeFile(file("web.key"), made.privateKey);
	const files = {
		certificateFile: file("web.pem"),
		privateKeyFile: file("web.key"),
	};
	return { directory, file, made, files };
}

let hasOpenssl = true;
try {
	execFileSync("openssl", ["version"]);
} catch {
	hasOpenssl = false;
}

/** A test in a directory of its own in which `openssl` lines have been run; `-subj`-like words have no blanks. */
function opensslTest(
	title: string,
	lines: readonly string[],
	body: (file: (name: string) => string, t: TestContext) => Promise<void>,
) {
	test(title, async (t) => {
		if (!hasOpenssl) return t.skip("openssl is not installed");
		const cwd = await temporaryDirectory(t);
		for (const line of lines) await run("openssl", line.split(" "), { cwd });
		await body((name) => join(cwd, name), t);
	});
}

const certify = (key: string, certificate: string) =>
	`req -x509 -new -key ${key} -passin pass:secret -subj /O=example/CN=web1 -days 90 -out ${certificate}`;

test("reads a pair and its subject, dates and fingerprint", async (t) => {
	const { made, files } = await pairFiles(t);
	assert.deepEqual(await loadKeyPair(files), {
		certificate: Buffer.from(made.certificate),
		privateKey: Buffer.from(made.privateKey),
		subject: "CN=web1",
		validFrom: new Date("2026-11-22T11:00:00Z"),
		validTo: new Date("2036-11-19T12:00:00Z"),
		fingerprint256: new X509Certificate(made.certificate).fingerprint256,
	});
});

const formats: [string, string[]][] = [
	["RSA, PKCS#8", ["genrsa -out key 2048"]],
	["RSA, PKCS#1", ["genrsa -traditional -out key 2048"]],
	[
		"RSA, encrypted PKCS#1 (as in v1's README)",
		["genrsa -traditional -aes128 -passout pass:secret -out key 2048"],
	],
	[
		"RSA, encrypted PKCS#8",
		["genrsa -aes128 -passout pass:secret -out key 2048"],
	],
	[
		"ECDSA, SEC1 with its parameters in front",
		["ecparam -name prime256v1 -genkey -out key"],
	],
	["ECDSA, SEC1", ["ecparam -name secp384r1 -genkey -noout -out key"]],
	[
		"ECDSA, encrypted SEC1",
		[
			"ecparam -name prime256v1 -genkey -noout -out clear",
			"ec -in clear -aes256 -passout pass:secret -out key",
		],
	],
	[
		"ECDSA, PKCS#8",
		["genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out key"],
	],
	[
		"ECDSA, encrypted PKCS#8",
		[
			"genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:secret -out key",
		],
	],
];

for (const [format, lines] of formats)
	opensslTest(
		`a key is read: ${format}`,
		[...lines, certify("key", "certificate")],
		async (file) => {
			const certificateFile = file("certificate");
			const privateKeyFile = file("key");
			const files = { certificateFile, privateKeyFile };
			const text = await readFile(privateKeyFile, "latin1");
			if (text.includes("ENCRYPTED")) {
				const missing = `private key ${privateKeyFile}: encrypted, its passphrase is missing (private-key-passphrase-file or HAPPO_AGENT_PRIVATE_KEY_PASSPHRASE)`;
				await refused(loadKeyPair(files), missing);
				await refused(loadKeyPair({ ...files, passphrase: "" }), missing);
				await refused(
					loadKeyPair({ ...files, passphrase: "Secret" }),
					/^private key .*\/key: wrong passphrase/,
				);
			}
			const pair = await loadKeyPair({ ...files, passphrase: "secret" });
			assert.equal(pair.subject, "O=example, CN=web1");
			assert.equal(pair.passphrase, "secret");
			assert.equal(pair.privateKey.toString(), text);
			await writeFile(file("phrase"), "secret\n");
			const passphraseFile = file("phrase");
			assert.deepEqual(await loadKeyPair({ ...files, passphraseFile }), pair);
		},
	);

opensslTest(
	"one newline at the end of a passphrase file is not part of it, other blanks are",
	[
		"genrsa -aes128 -passout pass:secret -out key 2048",
		certify("key", "certificate"),
	],
	async (file) => {
		const passphraseFile = file("phrase");
		const load = async (phrase: string) => {
			await writeFile(passphraseFile, phrase);
			return loadKeyPair({
				certificateFile: file("certificate"),
				privateKeyFile: file("key"),
				passphrase: "not this one",
				passphraseFile,
			});
		};
		for (const phrase of ["secret", "secret\n", "secret\r\n"])
			assert.equal((await load(phrase)).passphrase, "secret");
		for (const phrase of ["secret\n\n", " secret", "secret \n"])
			await refused(load(phrase), /: wrong passphrase/);
		await refused(load("\n"), /: encrypted, its passphrase is missing/);
	},
);

opensslTest(
	"a certificate file may hold the chain, and the key too; the server's certificate comes first",
	[
		"genrsa -out ca.key 2048",
		"req -x509 -new -key ca.key -subj /CN=ca -days 90 -out ca",
		"genrsa -out key 2048",
		"req -new -key key -subj /CN=web1 -out request",
		"x509 -req -in request -CA ca -CAkey ca.key -CAcreateserial -days 30 -out leaf",
	],
	async (file) => {
		const [ca = "", leaf = "", key = ""] = await Promise.all(
			["ca", "leaf", "key"].map((name) => readFile(file(name), "utf8")),
		);
		const certificateFile = file("chain");
		const files = { certificateFile, privateKeyFile: file("key") };
		await writeFile(certificateFile, leaf + ca);
		assert.equal((await loadKeyPair(files)).subject, "CN=web1");
		await writeFile(certificateFile, `comment\r\n${key}${leaf}${ca}`);
		await loadKeyPair({ ...files, privateKeyFile: certificateFile });
		await writeFile(certificateFile, ca + leaf);
		await refused(
			loadKeyPair(files),
			`private key ${file("key")}: does not belong to the (first) certificate in ${certificateFile}`,
		);
		await writeFile(certificateFile, leaf + ca.replace(/\n.{64}/, "\nAAAA"));
		await refused(
			loadKeyPair(files),
			/^certificate .*\/chain: not usable for TLS: ./,
		);
	},
);

const unsupported: [string, string, RegExp][] = [
	[
		"ed25519",
		"genpkey -algorithm ed25519 -out key",
		/ed25519 keys are not supported, only RSA and ECDSA$/,
	],
	[
		"secp256k1",
		"ecparam -name secp256k1 -genkey -noout -out key",
		/curve secp256k1 is not supported, only P-256, P-384 and P-521$/,
	],
	["RSA of 512 bits", "genrsa -out key 512", /too small/],
];

for (const [kind, line, message] of unsupported)
	opensslTest(
		`a key that TLS clients cannot use is refused: ${kind}`,
		[line, certify("key", "certificate")],
		async (file) => {
			const certificateFile = file("certificate");
			const privateKeyFile = file("key");
			await refused(loadKeyPair({ certificateFile, privateKeyFile }), message);
		},
	);

test("names missing and unreadable files", async (t) => {
	const { file, files, directory } = await pairFiles(t);
	const none = file("none");
	await refused(
		loadKeyPair({ ...files, certificateFile: none }),
		`certificate ${none}: no such file or directory`,
	);
	await refused(
		loadKeyPair({ ...files, privateKeyFile: none }),
		`private key ${none}: no such file or directory`,
	);
	await refused(
		loadKeyPair({ ...files, passphraseFile: none }),
		`passphrase file ${none}: no such file or directory`,
	);
	await refused(
		loadKeyPair({ ...files, privateKeyFile: directory }),
		`private key ${directory}: is a directory`,
	);
	if (process.getuid?.() === 0) return; // root reads everything
	await chmod(files.privateKeyFile, 0);
	await refused(
		loadKeyPair(files),
		`private key ${files.privateKeyFile}: permission denied`,
	);
});

test("names files with the wrong contents", async (t) => {
	const { file, files, made } = await pairFiles(t);
	const { certificateFile, privateKeyFile } = files;
	await refused(
		loadKeyPair({
			certificateFile: privateKeyFile,
			privateKeyFile: certificateFile,
		}),
		`certificate ${privateKeyFile}: holds a private key, and private key ${certificateFile} a certificate: they are swapped`,
	);
	const other = file("other");
	for (const text of ["", "\0\x01DER", made.privateKey]) {
		await writeFile(other, text);
		await refused(
			loadKeyPair({ ...files, certificateFile: other }),
			`certificate ${other}: no PEM certificate in it`,
		);
	}
	const publicKey = new X509Certificate(made.certificate).publicKey
		.export({ type: "spki", format: "pem" })
		.toString();
	for (const text of ["", "\0\x01DER", made.certificate, publicKey]) {
		await writeFile(other, text);
		await refused(
			loadKeyPair({ ...files, privateKeyFile: other }),
			`private key ${other}: no PEM private key in it`,
		);
	}
	await writeFile(other, made.certificate.replace(/\n.{64}/, "\nAAAA"));
	await refused(
		loadKeyPair({ ...files, certificateFile: other }),
		`certificate ${other}: damaged`,
	);
	await writeFile(other, made.privateKey.replace(/\n.{64}/, "\nAAAA"));
	await refused(
		loadKeyPair({ ...files, privateKeyFile: other }),
		`private key ${other}: damaged, or of an unknown kind`,
	);
	const stranger = createSelfSigned({ commonName: "web1", names: [], now });
	await writeFile(other, stranger.privateKey);
	await refused(
		loadKeyPair({ ...files, privateKeyFile: other }),
		`private key ${other}: does not belong to the (first) certificate in ${certificateFile}`,
	);
});

test("warns of a certificate that expires, has expired or is not valid yet", () => {
	const warning = (from: string, to: string) =>
		validityWarning(
			{
				subject: "CN=web1",
				validFrom: new Date(from),
				validTo: new Date(to),
			} as KeyPair,
			now,
		);
	assert.equal(
		warning("2026-01-01T00:00Z", "2026-11-22T11:59:59Z"),
		"certificate CN=web1: expired on 2026-11-22T11:59:59.000Z",
	);
	assert.equal(
		warning("2026-11-22T12:00:01Z", "2027-11-22T12:00:00Z"),
		"certificate CN=web1: not valid before 2026-11-22T12:00:01.000Z",
	);
	assert.equal(
		warning("2026-01-01T00:00Z", "2026-12-22T12:00:00Z"),
		"certificate CN=web1: expires in 30 days, on 2026-12-22T12:00:00.000Z",
	);
	assert.equal(warning("2026-01-01T00:00Z", "2026-12-22T12:00:01Z"), undefined);
	assert.equal(warning("2026-11-22T12:00Z", "2027-11-22T12:00Z"), undefined);
});

test("creates a pair if there is none: key 0600, directories as needed", async (t) => {
	const directory = await temporaryDirectory(t);
	const certificateFile = join(directory, "a/b/agent.pub");
	const privateKeyFile = join(directory, "c/agent.key");
	const pair = await createKeyPairFiles({
		certificateFile,
		privateKeyFile,
		now,
	});
	assert.deepEqual(
		pair,
		await loadKeyPair({ certificateFile, privateKeyFile }),
	);
	assert.equal((await lstat(privateKeyFile)).mode & 0o777, 0o600);
	assert.equal(
		(await lstat(certificateFile)).mode & 0o777,
		0o644 & ~process.umask(),
	);
	const certificate = new X509Certificate(pair?.certificate ?? "");
	for (const name of [hostname(), "localhost"])
		assert.ok(certificate.checkHost(name) ?? certificate.checkIP(name), name);
	for (const address of ["127.0.0.1", "::1"])
		assert.equal(certificate.checkIP(address), address);
	assert.equal(certificate.checkHost("example.com"), undefined);
});

test("leaves an existing pair alone", async (t) => {
	const { files, made } = await pairFiles(t);
	assert.equal(await createKeyPairFiles({ ...files, now }), undefined);
	assert.equal(await readFile(files.privateKeyFile, "utf8"), made.privateKey);
});

test("one file without the other is an error that names the missing file", async (t) => {
	const { file, files, directory } = await pairFiles(t);
	const missing = file("missing");
	await refused(
		createKeyPairFiles({ ...files, certificateFile: missing, now }),
		`certificate ${missing}: no such file, but private key ${files.privateKeyFile} exists`,
	);
	await refused(
		createKeyPairFiles({ ...files, privateKeyFile: missing, now }),
		`private key ${missing}: no such file, but certificate ${files.certificateFile} exists`,
	);
	assert.deepEqual(await readdir(directory), ["web.key", "web.pem"]);
});

test("does not follow a dangling link, and leaves no key without its certificate", async (t) => {
	const directory = await temporaryDirectory(t);
	await mkdir(join(directory, "target"));
	const link = join(directory, "link");
	await symlink(join(directory, "target/file"), link);
	const file = join(directory, "file");
	await refused(
		createKeyPairFiles({ certificateFile: file, privateKeyFile: link, now }),
		`private key ${link}: already exists`,
	);
	await refused(
		createKeyPairFiles({ certificateFile: link, privateKeyFile: file, now }),
		`certificate ${link}: already exists`,
	);
	assert.deepEqual(await readdir(directory), ["link", "target"]);
	assert.deepEqual(await readdir(join(directory, "target")), []);
});

test("tlsOptions has everything for a server or setSecureContext, and no empty passphrase", async (t) => {
	const pair = await loadKeyPair((await pairFiles(t)).files);
	const options = tlsOptions(pair);
	assert.equal("passphrase" in options, false);
	assert.equal(options.minVersion, "TLSv1.2");
	assert.equal(
		tlsOptions({ ...pair, passphrase: "secret" }).passphrase,
		"secret",
	);
});
