import { systemReason } from "../system-error.ts";

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

/** The system's reason why a file cannot be used. */
export function fileError(
	what: string,
	file: string,
	error: unknown,
): KeyPairError {
	return new KeyPairError(`${what} ${file}: ${systemReason(error)}`, {
		cause: error,
	});
}
