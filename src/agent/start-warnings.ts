import { userInfo } from "node:os";
import { whyAllCanChange } from "../changeable-files.ts";
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

/** Whether a policy refuses what no rule allows; one that observes only counts. */
export type PolicyMode = "none" | "observe" | "enforce";

/** Says in one line what everyone can do whom no policy stops. */
function reachOfClients(
	settings: DaemonSettings,
	mode: "none" | "observe",
): string {
	const open = (["shell", "inventory", "config-update"] as const).filter(
		(name) => settings[name],
	);
	const why =
		mode === "none" ? "there is no policy" : "the policy only observes";
	return `${why}: every allowed host and every user of this machine can run commands as ${userName()}${open.length > 0 ? ` (${open.join(", ")})` : ""}`;
}

/** Logs risks of the configuration at startup. */
export async function warnOfRisks(parts: {
	settings: DaemonSettings;
	keyPair: KeyPair;
	trust: Trust;
	policyMode: PolicyMode;
	/** Whether somebody may relay requests. */
	isBastion: boolean;
	log: Pick<Log, "warning">;
}): Promise<void> {
	const { settings, keyPair, trust, policyMode, isBastion, log } = parts;
	const validity = validityWarning(keyPair, new Date());
	if (validity) log.warning(validity);
	const exposed = await exposedFiles([
		{ what: "private key", file: settings["private-key"] },
		{ what: "passphrase file", file: settings["private-key-passphrase-file"] },
		{ what: "private key", file: settings["proxy-private-key"] },
	]);
	for (const line of exposed) log.warning(line);
	// what says who callers are; the policy is looked at whenever it is read
	const names = ["client-ca-file", "client-crl-file", "admin-socket"] as const;
	for (const name of names) {
		const file = settings[name];
		const isNone = file === "" || (name === "admin-socket" && file === "none");
		const why = isNone ? undefined : await whyAllCanChange(file);
		if (why) log.warning(`${name} ${file}: ${why}`);
	}
	if (policyMode !== "enforce")
		log.warning(reachOfClients(settings, policyMode));
	if (trust.isUnverified && isBastion)
		log.warning(
			"certificates of next hops are not verified (proxy-ca-file, proxy-fingerprints)",
		);
}
