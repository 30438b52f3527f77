import { createKeptFiles, type KeptFiles } from "../kept-files.ts";
import {
	exposedFiles,
	type KeyPair,
	loadKeyPair,
	validityWarning,
} from "./key-pair.ts";

/** Keeps a server's key pair current. */
export type KeyPairKeeper = KeptFiles<KeyPair>;

/**
 * Keeps a server's certificate and its key current, see createKeptFiles.
 * @param parts.initial the pair read from the files a moment ago
 * @param parts.use makes the server use a pair; if it throws, the old one must still be in use
 */
export function createKeyPairKeeper({
	files,
	initial,
	use,
	...how
}: {
	files: Parameters<typeof loadKeyPair>[0];
	initial: KeyPair;
	use: (pair: KeyPair) => void;
} & Pick<
	Parameters<typeof createKeptFiles>[0],
	| "look"
	| "lateMilliseconds"
	| "log"
	| "now"
	| "intervalMilliseconds"
	| "timers"
>): KeyPairKeeper {
	const { certificateFile, privateKeyFile, passphraseFile = "" } = files;
	return createKeptFiles({
		...how,
		paths: [
			certificateFile,
			privateKeyFile,
			...(passphraseFile ? [passphraseFile] : []),
		],
		name: `certificate ${certificateFile}`,
		load: () => loadKeyPair(files),
		initial,
		isSame: (one, other) =>
			one.certificate.equals(other.certificate) &&
			one.privateKey.equals(other.privateKey),
		use,
		describe: ({ subject, validTo, fingerprint256 }) =>
			`${subject}, expires on ${validTo.toISOString()}, SHA-256 ${fingerprint256}`,
		warnings: (pair, now) => {
			const line = validityWarning(pair, now);
			return line ? [line] : [];
		},
		risks: () =>
			exposedFiles([
				{ what: "private key", file: privateKeyFile },
				{ what: "passphrase file", file: passphraseFile },
			]),
	});
}
