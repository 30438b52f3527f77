import type { Log } from "../log.ts";
import { untilAnswered } from "../polled-files.ts";
import { loadTrust, type Trust } from "../relay/trust.ts";
import type { DaemonSettings } from "../settings.ts";
import { type KeyPair, loadKeyPair } from "../tls/key-pair.ts";
import { warnOfRisks } from "./start-warnings.ts";

/** The agent's key pair, and how it verifies other agents. */
export interface Credentials {
	/** Files of the key pair, for loadKeyPair(). */
	keyFiles: Parameters<typeof loadKeyPair>[0];
	keyPair: KeyPair;
	/** How relays verify next hops. */
	trust: Trust;
}

/**
 * Waits until the file systems of the certificates and keys answer, reads them, and logs risks.
 * @param parts.look see createFileTurn
 * @throws KeyPairError and TrustError
 */
export async function loadCredentials({
	settings,
	look,
	log,
}: {
	settings: DaemonSettings;
	look: (file: string) => Promise<unknown>;
	log: Pick<Log, "warning" | "error">;
}): Promise<Credentials> {
	const keyFiles = {
		certificateFile: settings["public-key"],
		privateKeyFile: settings["private-key"],
		passphrase: settings["private-key-passphrase"],
		passphraseFile: settings["private-key-passphrase-file"],
	};
	const trustFiles = {
		caFile: settings["proxy-ca-file"],
		certificateFile: settings["proxy-certificate"],
		keyFile: settings["proxy-private-key"],
	};
	const { certificateFile, privateKeyFile, passphraseFile } = keyFiles;
	await untilAnswered({
		files: [
			...[certificateFile, privateKeyFile, passphraseFile],
			...Object.values(trustFiles),
		],
		look,
		log,
	});
	const keyPair = await loadKeyPair(keyFiles);
	const trust = await loadTrust({
		...trustFiles,
		pins: settings["proxy-fingerprints"],
	});
	await warnOfRisks({ settings, keyPair, trust, log });
	return { keyFiles, keyPair, trust };
}
