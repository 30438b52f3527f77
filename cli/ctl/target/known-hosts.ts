import {
	type Hop,
	hopText,
	parseFingerprint,
	parseHop,
} from "../../../src/protocol/hop.ts";
import { UsageError } from "../../program/arguments.ts";
import { readFlagFile } from "../input-file.ts";

/**
 * Reads the fingerprints of hops' certificates from a file: `HOST[:PORT] SHA256`, one a line; blank
 * lines and comments are ignored.
 * @param file empty: no hop is known
 * @throws UsageError that names the line
 */
export async function readKnownHosts(
	file: string,
): Promise<(hop: Hop) => string | undefined> {
	const known = new Map<string, string>();
	const content = await readFlagFile("known-hosts", file);
	const lines = content?.toString("utf8").split("\n") ?? [];
	for (const [at, line] of lines.entries()) {
		const words = line
			.replace(/(^|\s)#.*/, "")
			.split(/\s+/)
			.filter((word) => word !== "");
		if (words.length === 0) continue;
		const hop = parseHop(words[0] ?? "");
		const fingerprint = parseFingerprint(words[1] ?? "");
		if (!hop || !fingerprint || words.length > 2)
			throw new UsageError(
				`--known-hosts ${file} line ${at + 1}: not HOST[:PORT] SHA256`,
			);
		known.set(hopText(hop), fingerprint);
	}
	return (hop) => known.get(hopText(hop));
}
