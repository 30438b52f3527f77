import { KnownHosts, userFile } from "../../src/known-hosts.ts";
import { type Pin, pinOn } from "../../src/protocol/pin.ts";
import type { CheckOptions, Place } from "./arguments.ts";

/** How to verify the other end. */
export interface Trust {
	/** Verifies the certificate by itself, in place of a CA. */
	pin: Pin | undefined;
	/** PEM file of the CA; undefined: verifies no chain. */
	caFile: string | undefined;
}

/**
 * How to verify the agent to connect to: as a known host, or as the options say. Without options,
 * hosts that are not known are not verified, as in v1.
 * @param note prints a line about a host that is added to the file
 * @throws KnownHostsError
 */
export function trustIn(
	to: Place,
	options: Pick<
		CheckOptions,
		"caFile" | "fingerprint" | "knownHosts" | "acceptsNew"
	>,
	environment: NodeJS.ProcessEnv,
	note: (line: string) => void,
): Trust {
	const { caFile, fingerprint, knownHosts, acceptsNew } = options;
	if (fingerprint !== undefined) return { pin: pinOn(fingerprint), caFile };
	const known = new KnownHosts({
		file: knownHosts ?? userFile(environment),
		isNamed: knownHosts !== undefined,
		mayBeMissing: knownHosts === undefined,
		added: acceptsNew ? note : undefined,
	});
	known.use(known.read());
	const isRequired = knownHosts !== undefined && caFile === undefined;
	return {
		pin:
			known.pin(to) ??
			(isRequired ? (certificate) => known.advice(to, certificate) : undefined),
		caFile,
	};
}
