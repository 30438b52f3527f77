import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { createSecureContext, type TlsOptions } from "node:tls";
import { modeText, permission } from "../file-mode.ts";
import { systemReason } from "../system-error.ts";

/** A certificate and its private key, as read from files and checked to belong together. */
export type KeyPair = {
	/** PEM: the server's certificate, then its chain. */
	certificate: Buffer;
	/** PEM, encrypted if the file is. */
	privateKey: Buffer;
	passphrase?: string;
	/** Subject of the server's certificate, in one line (`CN=web, O=example`). */
	subject: string;
	validFrom: Date;
	validTo: Date;
	/** SHA-256: hexadecimal bytes with colons. */
	fingerprint256: string;
};

/** A key pair is unusable; one line that names the file. */
export class KeyPairError extends Error {
	override name = "KeyPairError";
}

/** Wraps a system error about a file. */
export function fileError(
	what: string,
	file: string,
	error: unknown,
): KeyPairError {
	return new KeyPairError(`${what} ${file}: ${systemReason(error)}`, {
		cause: error,
	});
}

/**
 * Cipher suites of TLS 1.3 and 1.2: only AEAD with forward secrecy. v1 (Go) had only the AES128-GCM
 * suites in TLS 1.2 and preferred AES128 in 1.3, so these come first.
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
 * Options for https.createServer: the key pair, TLS 1.2 or newer, our ciphers, HTTP/1.1.
 * setSecureContext (after a reload) needs all of them again; otherwise it falls back to Node's
 * defaults.
 * @param clientAuthorities certificates of the CAs that certify clients, as PEM; clients are only
 * asked for certificates if there are any
 */
export function tlsOptions(
	pair: KeyPair,
	clientAuthorities: readonly string[] = [],
) {
	return {
		cert: pair.certificate,
		key: pair.privateKey,
		...(pair.passphrase === undefined ? {} : { passphrase: pair.passphrase }),
		minVersion: "TLSv1.2",
		ciphers,
		honorCipherOrder: true,
		ALPNProtocols: ["http/1.1", "http/1.0"],
		// without this, Node would parse all its root certificates, at a cost of 40 ms and 3 MiB
		// (measured, Node 20)
		ca: [...clientAuthorities],
		requestCert: clientAuthorities.length > 0,
	} as const satisfies TlsOptions;
}

const secondsWarned = 30 * 86_400;

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
		// A wrong passphrase nearly always gives bad padding; once in 256 times another error.
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
 * Reads a certificate (PEM, followed by its chain) and its private key (PEM: RSA or ECDSA; PKCS#1,
 * SEC1 or PKCS#8, encrypted or not). The passphrase file takes precedence over `passphrase`; one
 * newline at its end is removed; empty values count as not given. Throws a KeyPairError if the pair
 * is unusable.
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
	const validFrom = new Date(x509.validFrom);
	const validTo = new Date(x509.validTo);
	if (Number.isNaN(validFrom.getTime()) || Number.isNaN(validTo.getTime()))
		throw new KeyPairError(
			`certificate ${certificateFile}: invalid validity period: ${x509.validFrom} to ${x509.validTo}`,
		);
	const pair: KeyPair = {
		certificate,
		privateKey,
		...(passphrase === undefined ? {} : { passphrase }),
		subject: (x509.subject ?? "").split("\n").join(", "),
		validFrom,
		validTo,
		fingerprint256: x509.fingerprint256,
	};
	try {
		createSecureContext(tlsOptions(pair)); // detects a damaged chain or a key that is too short
	} catch (error) {
		throw new KeyPairError(
			`certificate ${certificateFile}: not usable for TLS: ${(error as Error).message}`,
			{ cause: error },
		);
	}
	return pair;
}

/**
 * Returns a line if the certificate has expired, is not valid yet or expires within 30 days;
 * otherwise undefined.
 */
export function validityWarning(
	{
		subject,
		validFrom,
		validTo,
	}: Pick<KeyPair, "subject" | "validFrom" | "validTo">,
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

/** A file that only the agent should read. */
interface PrivateFile {
	/** Its kind, for the message: `private key`. */
	what: string;
	/** Its path; empty if not configured. */
	file: string;
}

const othersReadOrWrite = permission.othersRead | permission.othersWrite;

/**
 * Returns a line for each file that every user of this machine can read or change. Skips files that
 * cannot be checked, as reading them will report the reason.
 */
export async function exposedFiles(
	files: readonly PrivateFile[],
): Promise<string[]> {
	const lines = files.map(async ({ what, file }) => {
		const found =
			file === "" ? undefined : await stat(file).catch(() => undefined);
		if (!found?.isFile() || (found.mode & othersReadOrWrite) === 0) return [];
		const { mode } = found;
		return [
			`${what} ${file}: mode ${modeText(mode)}, every user of this machine can ${(mode & permission.othersRead) !== 0 ? "read" : "change"} it (chmod 600)`,
		];
	});
	return (await Promise.all(lines)).flat();
}
