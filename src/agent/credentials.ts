import { stat } from "node:fs/promises";
import type { TlsOptions } from "node:tls";
import type { KeptFiles } from "../kept-files.ts";
import type { Log } from "../log.ts";
import { untilAnswered } from "../polled-files.ts";
import { loadTrust, type Trust } from "../relay/trust.ts";
import type { DaemonSettings } from "../settings.ts";
import type { ClientCertificates } from "../tls/client-certificates.ts";
import {
	type ClientTrust,
	ClientTrustError,
	type ClientTrustFiles,
	clientTrustWarnings,
	createClientTrustKeeper,
	loadClientTrust,
} from "../tls/client-trust.ts";
import { type KeyPair, loadKeyPair, tlsOptions } from "../tls/key-pair.ts";
import { createKeyPairKeeper } from "../tls/key-pair-keeper.ts";
import { createOwnKeyPair, type OwnKeyPair } from "../tls/own-key-pair.ts";

/** The agent's key pair, and how it verifies other agents and clients. */
export interface Credentials {
	/** Files of the key pair, for loadKeyPair(). */
	keyFiles: Parameters<typeof loadKeyPair>[0];
	keyPair: KeyPair;
	/** Set if the agent uses the pair that it made for itself. */
	own?: OwnKeyPair;
	/** How relays verify next hops. */
	trust: Trust;
	/** How the certificates of clients are verified; undefined if clients are not asked for any. */
	clients: { files: ClientTrustFiles; trust: ClientTrust } | undefined;
}

/** Reads the files of CAs and revocation lists. Throws ClientTrustError. */
async function loadClients(
	files: ClientTrustFiles,
): Promise<Credentials["clients"]> {
	if (files.caFile !== "")
		return { files, trust: await loadClientTrust(files) };
	if (files.crlFile === "") return undefined;
	throw new ClientTrustError(
		`client-crl-file ${files.crlFile}: needs client-ca-file, too`,
	);
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
 * @throws KeyPairError, TrustError and ClientTrustError
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
	const clientFiles = {
		caFile: settings["client-ca-file"],
		crlFile: settings["client-crl-file"],
	};
	const { certificateFile, privateKeyFile, passphraseFile } = given;
	await untilAnswered({
		files: [
			...[certificateFile, privateKeyFile, passphraseFile],
			settings["own-key-pair"],
			...Object.values(trustFiles),
			...Object.values(clientFiles),
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
	const clients = await loadClients(clientFiles);
	for (const line of clients
		? clientTrustWarnings(clients.trust, Date.now())
		: [])
		log.warning(line);
	return { keyFiles, keyPair, trust, clients, ...(own && { own }) };
}

const authorityTexts = (trust: ClientTrust | undefined) =>
	(trust?.authorities ?? []).map(({ x509 }) => x509.toString());

const hasSameAuthorities = (
	one: ClientTrust,
	other: ClientTrust | undefined,
): boolean => authorityTexts(one).join() === authorityTexts(other).join();

/** Options for the server: its key pair, and the CAs of clients. */
export const serverTls = (
	keyPair: KeyPair,
	trust: ClientTrust | undefined,
): TlsOptions => tlsOptions(keyPair, authorityTexts(trust));

/** Keeps the files of the server current, see createKeptFiles. */
export function keepCredentials(parts: {
	credentials: Credentials;
	certificates: ClientCertificates | undefined;
	/** Makes the server use them for new connections. Throws if they are unusable. */
	renew: (tls: TlsOptions) => void;
	look: (file: string) => Promise<unknown>;
	log: Pick<Log, "info" | "warning" | "error">;
	now: () => number;
	intervalMilliseconds: number;
}): {
	keyPair: KeptFiles<KeyPair>;
	clientTrust: KeptFiles<ClientTrust> | undefined;
} {
	const { credentials, certificates, renew } = parts;
	const { clients } = credentials;
	const keyPair = createKeyPairKeeper({
		...parts,
		files: credentials.keyFiles,
		initial: credentials.keyPair,
		use: (pair) => renew(serverTls(pair, clientTrust?.current())),
	});
	const clientTrust =
		clients &&
		createClientTrustKeeper({
			...parts,
			files: clients.files,
			initial: clients.trust,
			use: (trust) => {
				// this also ends all TLS sessions, whose clients were verified with the old CAs
				if (!hasSameAuthorities(trust, clientTrust?.current()))
					renew(serverTls(keyPair.current(), trust));
				certificates?.use(trust);
			},
		});
	return { keyPair, clientTrust };
}
