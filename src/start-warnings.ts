import { validityWarning } from "./http/certificate.ts";
import type { KeyPair } from "./http/key-pair.ts";
import type { Log } from "./log.ts";
import type { Trust } from "./relay/trust.ts";
import type { DaemonSettings } from "./settings.ts";

/** Says at the start what an operator should know of a risky set-up. */
export function warnOfRisks(parts: {
	settings: DaemonSettings;
	keyPair: KeyPair;
	trust: Trust;
	log: Pick<Log, "warning">;
}): void {
	const { settings, keyPair, trust, log } = parts;
	const validity = validityWarning(keyPair, new Date());
	if (validity) log.warning(validity);
	if (process.getuid?.() === 0 && settings.inventory)
		log.warning(
			"running as root with /inventory on: every allowed host has a root shell here (inventory, shell)",
		);
	if (trust.isUnverified)
		log.warning(
			"certificates of next hops are not verified (proxy-ca-file, proxy-fingerprints)",
		);
}
