import { createKeptFiles, type KeptFiles } from "../kept-files.ts";
import type { Log } from "../log.ts";
import type { Timers } from "../ticker.ts";
import {
	exposedFiles,
	type KeyPair,
	loadKeyPair,
	validityWarning,
} from "./key-pair.ts";

/**
 * Keeps a server's certificate current, and warns once a day when it expires soon.
 * @param parts.look see createFileTurn
 * @param parts.initial the pair read from the files a moment ago
 * @param parts.use makes the server use a pair; if it throws, the old one must still be in use
 * @param parts.now wall clock in milliseconds
 */
export function createKeyPairKeeper(parts: {
	files: Parameters<typeof loadKeyPair>[0];
	look: (file: string) => Promise<unknown>;
	lateMilliseconds?: number;
	initial: KeyPair;
	use: (pair: KeyPair) => void;
	log: Pick<Log, "info" | "warning" | "error">;
	now: () => number;
	intervalMilliseconds: number;
	timers?: Timers;
}): KeptFiles<KeyPair> {
	const { files, now } = parts;
	const { certificateFile, privateKeyFile, passphraseFile = "" } = files;
	return createKeptFiles({
		...parts,
		files: [
			certificateFile,
			privateKeyFile,
			...(passphraseFile ? [passphraseFile] : []),
		],
		subject: `certificate ${certificateFile}`,
		load: () => loadKeyPair(files),
		isSame: (one, other) =>
			one.certificate.equals(other.certificate) &&
			one.privateKey.equals(other.privateKey),
		describe: ({ subject, validTo, fingerprint256 }) =>
			`${subject}, expires on ${validTo.toISOString()}, SHA-256 ${fingerprint256}`,
		expiry: {
			now,
			warnings: (pair, at) => {
				const warning = validityWarning(pair, new Date(at));
				return warning ? [warning] : [];
			},
		},
		warningsOf: () =>
			exposedFiles([
				{ what: "private key", file: privateKeyFile },
				{ what: "passphrase file", file: passphraseFile },
			]),
	});
}
