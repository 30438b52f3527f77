import { stat } from "node:fs/promises";
import type { Log } from "../log.ts";
import { untilAnswered } from "../polled-files.ts";
import { loadTrust, type Trust } from "../relay/trust.ts";
import type { DaemonSettings } from "../settings.ts";
import { type KeyPair, loadKeyPair } from "../tls/key-pair.ts";
import { createOwnKeyPair, type OwnKeyPair } from "../tls/own-key-pair.ts";
import { warnOfRisks } from "./start-warnings.ts";

/** The agent's key pair, and how it verifies other agents. */
export interface Credentials {
	/** Files of the key pair, for loadKeyPair(). */
	keyFiles: Parameters<typeof loadKeyPair>[0];
	keyPair: KeyPair;
	/** Set if the agent uses the pair that it made for itself. */
	own?: OwnKeyPair;
	/** How relays verify next hops. */
	trust: Trust;
}

/** Whether there is a file, or may be one that cannot be reached. */
const mayExist = (file: string) =>
	stat(file).then(
		() => true,
		(error: NodeJS.ErrnoException) => error.code !== "ENOENT",
	);

/**
 * The agent's own pair, if a setting allows it and nobody has installed another: a half of a pair
 * counts, so that it is reported instead of ignored.
 */
async function ownKeyPair(
	settings: DaemonSettings,
	log: Pick<Log, "notice" | "error">,
): Promise<OwnKeyPair | undefined> {
	const directory = settings["own-key-pair"];
	if (directory === "") return undefined;
	const others = [settings["public-key"], settings["private-key"]];
	if ((await Promise.all(others.map(mayExist))).includes(true))
		return undefined;
	const own = createOwnKeyPair({ directory, log, now: Date.now });
	await own.prepare();
	// the machine may have other addresses than when the pair was made
	await own.renew();
	return own;
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
	log: Pick<Log, "notice" | "warning" | "error">;
}): Promise<Credentials> {
	const given = {
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
	const { certificateFile, privateKeyFile, passphraseFile } = given;
	await untilAnswered({
		files: [
			...[certificateFile, privateKeyFile, passphraseFile],
			settings["own-key-pair"],
			...Object.values(trustFiles),
		],
		look,
		log,
	});
	const own = await ownKeyPair(settings, log);
	const keyFiles = own
		? {
				certificateFile: own.certificateFile,
				privateKeyFile: own.privateKeyFile,
			}
		: given;
	const keyPair = await loadKeyPair(keyFiles);
	const trust = await loadTrust({
		...trustFiles,
		pins: settings["proxy-fingerprints"],
	});
	await warnOfRisks({ settings, keyPair, trust, log });
	return { keyFiles, keyPair, trust, ...(own && { own }) };
}
