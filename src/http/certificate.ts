import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { mkdir, open, readFile, rm, stat } from "node:fs/promises";
import { hostname, networkInterfaces } from "node:os";
import { dirname } from "node:path";
import { createSecureContext, type TlsOptions } from "node:tls";
import { createSelfSigned } from "./self-signed.ts";

const secondsWarned = 30 * 86_400;

/** A certificate and its private key, as files held them, checked to belong together. */
export type KeyPair = {
	/** PEM: the server's certificate, then its chain. */
	certificate: Buffer;
	/** PEM, still encrypted if the file was. */
	privateKey: Buffer;
	passphrase?: string;
	/** Of the server's certificate, in one line (`CN=web, O=example`). */
	subject: string;
	validFrom: Date;
	validTo: Date;
	/** SHA-256, in the usual form: hexadecimal bytes with colons. */
	fingerprint256: string;
};

/** Why a key pair cannot be used: one line that names the file. */
export class KeyPairError extends Error {
	override name = "KeyPairError";
}

/**
 * What TLS 1.3 and 1.2 may use: AEAD with forward secrecy, nothing else.
 * The original had only the AES128-GCM suites for TLS 1.2 and preferred AES128 in 1.3, so these come first.
 */
export const ciphers = [
	"TLS_AES_128_GCM_SHA256",
	"TLS_AES_256_GCM_SHA384",
	"TLS_CHACHA20_POLY1305_SHA256",
	"ECDHE-ECDSA-AES128-GCM-SHA256",
	"ECDHE-RSA-AES128-GCM-SHA256",
	"ECDHE-ECDSA-AES256-GCM-SHA384",
	"ECDHE-RSA-AES256-GCM-SHA384",
	"ECDHE-ECDSA-CHACHA20-POLY1305",
	"ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/**
 * What a key pair means for https.createServer: TLS 1.2 at least, our ciphers, HTTP/1.1.
 * setSecureContext (after a reload) needs all of it again, else it falls back to Node's defaults.
 */
export function tlsOptions(pair: KeyPair) {
	return {
		cert: pair.certificate,
		key: pair.privateKey,
		...(pair.passphrase === undefined ? {} : { passphrase: pair.passphrase }),
		minVersion: "TLSv1.2",
		ciphers,
		honorCipherOrder: true,
		ALPNProtocols: ["http/1.1"],
	} as const satisfies TlsOptions;
}

const reasons: Readonly<Record<string, string>> = {
	ENOENT: "no such file",
	ENOTDIR: "no such file",
	EACCES: "permission denied",
	EISDIR: "is a directory",
	EEXIST: "already exists",
	EROFS: "read-only file system",
	ENOSPC: "no space left",
};

function fileError(what: string, file: string, error: unknown): KeyPairError {
	const { code, message } = error as NodeJS.ErrnoException;
	const reason = reasons[code ?? ""] ?? code ?? message;
	return new KeyPairError(`${what} ${file}: ${reason}`, { cause: error });
}

async function read(what: string, file: string): Promise<Buffer> {
	try {
		return await readFile(file);
	} catch (error) {
		throw fileError(what, file, error);
	}
}

const holdsCertificate = (text: string) =>
	/-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----/.test(text);
const holdsPrivateKey = (text: string) =>
	/-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY-----/.test(text);

function openCertificate(file: string, content: Buffer): X509Certificate {
	if (!holdsCertificate(content.toString("latin1")))
		throw new KeyPairError(`certificate ${file}: no PEM certificate in it`);
	try {
		return new X509Certificate(content);
	} catch (cause) {
		throw new KeyPairError(`certificate ${file}: damaged`, { cause });
	}
}

function openPrivateKey(
	file: string,
	content: Buffer,
	passphrase: string | undefined,
): KeyObject {
	const text = content.toString("latin1");
	const fail = (reason: string, cause?: unknown) =>
		new KeyPairError(`private key ${file}: ${reason}`, { cause });
	if (!holdsPrivateKey(text)) throw fail("no PEM private key in it");
	const encrypted =
		/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(text);
	if (encrypted && passphrase === undefined)
		throw fail(
			"encrypted, its passphrase is missing (private-key-passphrase-file or HAPPO_AGENT_PRIVATE_KEY_PASSPHRASE)",
		);
	let key: KeyObject;
	try {
		key = createPrivateKey({
			key: content,
			...(encrypted && passphrase !== undefined ? { passphrase } : {}),
		});
	} catch (error) {
		if (!encrypted) throw fail("damaged, or of an unknown kind", error);
		// A wrong passphrase nearly always gives broken padding, once in 256 times other nonsense.
		throw (error as NodeJS.ErrnoException).code === "ERR_OSSL_BAD_DECRYPT"
			? fail("wrong passphrase", error)
			: fail("wrong passphrase, damaged, or of an unknown encryption", error);
	}
	const type = key.asymmetricKeyType;
	if (type !== "rsa" && type !== "ec")
		throw fail(`${type} keys are not supported, only RSA and ECDSA`);
	const curve = key.asymmetricKeyDetails?.namedCurve;
	if (type === "ec" && !/^(prime256v1|secp384r1|secp521r1)$/.test(curve ?? ""))
		throw fail(`curve ${curve} is not supported, only P-256, P-384 and P-521`);
	return key;
}

/**
 * Reads a certificate (PEM, chain after it) and its private key (PEM: RSA or ECDSA; PKCS#1, SEC1 or PKCS#8, encrypted or not).
 * The passphrase file comes before `passphrase`; one newline at its end is not part of it; empty values count as not given.
 * Throws a KeyPairError for whatever would keep the pair from working.
 */
export async function loadKeyPair(files: {
	certificateFile: string;
	privateKeyFile: string;
	passphrase?: string | undefined;
	passphraseFile?: string | undefined;
}): Promise<KeyPair> {
	const { certificateFile, privateKeyFile, passphraseFile } = files;
	const certificate = await read("certificate", certificateFile);
	const privateKey = await read("private key", privateKeyFile);
	const passphrase =
		(passphraseFile
			? (await read("passphrase file", passphraseFile))
					.toString()
					.replace(/\r?\n$/, "")
			: files.passphrase) || undefined;
	const [first, second] = [certificate, privateKey].map((content) =>
		content.toString("latin1"),
	) as [string, string];
	if (
		!holdsCertificate(first) &&
		holdsPrivateKey(first) &&
		holdsCertificate(second) &&
		!holdsPrivateKey(second)
	)
		throw new KeyPairError(
			`certificate ${certificateFile}: holds a private key, and private key ${privateKeyFile} a certificate: they are swapped`,
		);
	const x509 = openCertificate(certificateFile, certificate);
	const key = openPrivateKey(privateKeyFile, privateKey, passphrase);
	if (!x509.checkPrivateKey(key))
		throw new KeyPairError(
			`private key ${privateKeyFile}: does not belong to the (first) certificate in ${certificateFile}`,
		);
	const pair: KeyPair = {
		certificate,
		privateKey,
		...(passphrase === undefined ? {} : { passphrase }),
		subject: (x509.subject ?? "").split("\n").join(", "),
		validFrom: new Date(x509.validFrom),
		validTo: new Date(x509.validTo),
		fingerprint256: x509.fingerprint256,
	};
	try {
		createSecureContext(tlsOptions(pair)); // A damaged chain or a key too short shows only here.
	} catch (error) {
		throw new KeyPairError(
			`certificate ${certificateFile}: not usable for TLS: ${(error as Error).message}`,
			{ cause: error },
		);
	}
	return pair;
}

/** One line about a certificate that has expired, is not valid yet or expires within 30 days; else undefined. */
export function validityWarning(
	{ subject, validFrom, validTo }: KeyPair,
	now: Date,
): string | undefined {
	const seconds = (validTo.getTime() - now.getTime()) / 1000;
	if (seconds < 0)
		return `certificate ${subject}: expired on ${validTo.toISOString()}`;
	if (validFrom > now)
		return `certificate ${subject}: not valid before ${validFrom.toISOString()}`;
	if (seconds <= secondsWarned)
		return `certificate ${subject}: expires in ${Math.floor(seconds / 86_400)} days, on ${validTo.toISOString()}`;
	return undefined;
}

async function exists(what: string, file: string): Promise<boolean> {
	try {
		await stat(file);
		return true;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
		throw fileError(what, file, error);
	}
}

async function create(what: string, file: string, text: string, mode: number) {
	try {
		await mkdir(dirname(file), { recursive: true });
		const handle = await open(file, "wx", mode);
		try {
			await handle.writeFile(text);
			await handle.sync();
		} catch (error) {
			await rm(file, { force: true });
			throw error;
		} finally {
			await handle.close();
		}
	} catch (error) {
		throw fileError(what, file, error);
	}
}

/** The names and addresses by which clients may call this machine. */
function machineNames(): string[] {
	const addresses = Object.values(networkInterfaces())
		.flatMap((entries) => entries ?? [])
		.map(({ address }) => address)
		.filter((address) => !address.startsWith("fe80:")); // useless without a zone
	const names = [hostname(), "localhost", "127.0.0.1", "::1", ...addresses];
	return names.filter((name) => /^[\w.:-]+$/.test(name));
}

/**
 * Makes a self-signed pair for this machine if neither file exists, and answers it; if both exist, undefined.
 * The key gets mode 0600, and no file that exists is ever written to. Throws a KeyPairError if only one exists.
 */
export async function createKeyPairFiles({
	certificateFile,
	privateKeyFile,
	now,
}: {
	certificateFile: string;
	privateKeyFile: string;
	now: Date;
}): Promise<KeyPair | undefined> {
	const hasCertificate = await exists("certificate", certificateFile);
	const hasKey = await exists("private key", privateKeyFile);
	if (hasCertificate && hasKey) return undefined;
	if (hasKey)
		throw new KeyPairError(
			`certificate ${certificateFile}: no such file, but private key ${privateKeyFile} exists`,
		);
	if (hasCertificate)
		throw new KeyPairError(
			`private key ${privateKeyFile}: no such file, but certificate ${certificateFile} exists`,
		);
	const made = createSelfSigned({
		commonName: hostname() || "localhost",
		names: machineNames(),
		now,
	});
	await create("private key", privateKeyFile, made.privateKey, 0o600);
	try {
		await create("certificate", certificateFile, made.certificate, 0o644);
	} catch (error) {
		// A key without a certificate would stop every later start.
		await rm(privateKeyFile, { force: true });
		throw error;
	}
	return loadKeyPair({ certificateFile, privateKeyFile });
}
