import type { Trust } from "../../../src/client/index.ts";
import type { KnownHosts } from "../../../src/known-hosts.ts";
import { unverifiedKey } from "../../../src/protocol/api-key.ts";
import { isLoopback } from "../../../src/protocol/loopback.ts";
import type { SettingValues } from "../../../src/setting-table.ts";
import { UsageError } from "../../program/arguments.ts";
import type { trustSettings } from "../flags.ts";
import { readFlagFile } from "../input-file.ts";
import type { Target } from "./targets.ts";

export type TrustSettings = SettingValues<typeof trustSettings>;

/** The other end of the connection: the first bastion, otherwise the agent. */
export const peerOf = ({ agent, via }: Target) => via[0] ?? agent;

/**
 * Reads certificates and keys. Returns a function that says how to verify the other end for a
 * target.
 * @throws UsageError
 */
export async function loadTrust(
	settings: TrustSettings,
	passphrase: string | undefined,
): Promise<(target: Target) => Trust> {
	const { fingerprint, insecure } = settings;
	const ca = await readFlagFile("ca-file", settings["ca-file"]);
	const certificate = await readFlagFile("certificate", settings.certificate);
	const key = await readFlagFile("private-key", settings["private-key"]);
	if ((certificate === undefined) !== (key === undefined))
		throw new UsageError("--certificate and --private-key: give both or none");
	if (insecure && (ca || fingerprint !== ""))
		throw new UsageError(
			"--insecure: cannot be used with --ca-file or --fingerprint",
		);
	if (insecure && certificate)
		throw new UsageError("--insecure: cannot be used with --certificate");
	const verified = {
		...(ca && { ca }),
		...(fingerprint !== "" && { fingerprint }),
		...(certificate && { certificate }),
		...(key && { key }),
		...(passphrase && { passphrase }),
	};
	const isPlain = !ca && fingerprint === "" && !certificate;
	return (target) => {
		if (insecure) return "unverified";
		return isPlain && isLoopback(peerOf(target).host) ? "unverified" : verified;
	};
}

/** Lets the hosts of a file be verified by that alone. */
export const withKnownHosts =
	(trust: (target: Target) => Trust, known: KnownHosts) =>
	(target: Target): Trust => {
		const verify = known.pin(peerOf(target));
		const otherwise = trust(target);
		if (!verify) return otherwise;
		if (otherwise === "unverified") return { verify };
		const { fingerprint: _, ...material } = otherwise;
		return { ...material, verify };
	};

/** Whether a key must not be sent to a target, as its peer is not verified. An admin socket gets none. */
export const isUnverified = (
	target: Target,
	trust: (target: Target) => Trust,
): boolean => !target.adminSocket && trust(target) === "unverified";

/** Throws UsageError if a key must not be sent to a target. */
export function assertVerified(
	target: Target,
	trust: (target: Target) => Trust,
): void {
	if (isUnverified(target, trust))
		throw new UsageError(
			`${target.name}: ${unverifiedKey}: give --ca-file, --known-hosts or --fingerprint, or no key`,
		);
}
