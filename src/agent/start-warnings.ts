import { userInfo } from "node:os";
import type { Log } from "../log.ts";
import type { Trust } from "../relay/trust.ts";
import type { DaemonSettings } from "../settings.ts";
import {
	exposedFiles,
	type KeyPair,
	validityWarning,
} from "../tls/key-pair.ts";

/** The user that commands run as; in a container it may have no name. */
function userName(): string {
	try {
		return userInfo().username;
	} catch {
		return `user ${process.getuid?.()}`;
	}
}

/**
 * Describes in one line what clients can run through the agent; undefined if the settings allow
 * little.
 */
function reachOfClients(settings: DaemonSettings): string | undefined {
	const open = (["shell", "inventory", "config-update"] as const).filter(
		(name) => settings[name],
	);
	if (settings.shell)
		return `any client that may connect can run any command as ${userName()} (${open.join(", ")})`;
	if (settings["config-update"])
		return `any client that may connect can choose the metric plugins and their options, which run as ${userName()} (config-update)`;
	return undefined;
}

/** Logs risks of the configuration at startup. */
export async function warnOfRisks(parts: {
	settings: DaemonSettings;
	keyPair: KeyPair;
	trust: Trust;
	log: Pick<Log, "warning">;
}): Promise<void> {
	const { settings, keyPair, trust, log } = parts;
	const validity = validityWarning(keyPair, new Date());
	if (validity) log.warning(validity);
	const exposed = await exposedFiles([
		{ what: "private key", file: settings["private-key"] },
		{ what: "passphrase file", file: settings["private-key-passphrase-file"] },
		{ what: "private key", file: settings["proxy-private-key"] },
	]);
	for (const line of exposed) log.warning(line);
	const reach = reachOfClients(settings);
	if (reach) log.warning(reach);
	if (trust.isUnverified)
		log.warning(
			"certificates of next hops are not verified (proxy-ca-file, proxy-fingerprints)",
		);
}
