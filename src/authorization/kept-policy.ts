import { createHash } from "node:crypto";
import { whyAllCanChange } from "../changeable-files.ts";
import { createKeptFiles, type KeptFiles } from "../kept-files.ts";
import type { Log } from "../log.ts";
import { type Policy, PolicyError, parsePolicy } from "../policy/policy.ts";
import { readRegularFile } from "../polled-files.ts";
import { systemReason } from "../system-error.ts";

/** A policy and where it came from. */
export interface LoadedPolicy {
	policy: Policy;
	/** What `policy check` warns of, and whether everybody can change the file. */
	warnings: readonly string[];
	/** SHA-256 of the file, hexadecimal. */
	digest: string;
}

/**
 * Reads a policy file.
 * @throws PolicyError, which names the file and everything that is wrong with it
 */
export async function loadPolicy(file: string): Promise<LoadedPolicy> {
	const bytes = await readRegularFile(file).catch((error) => {
		throw new PolicyError([`policy ${file}: ${systemReason(error)}`]);
	});
	try {
		const { policy, warnings } = parsePolicy(bytes.toString("utf8"));
		const digest = createHash("sha256").update(bytes).digest("hex");
		const why = await whyAllCanChange(file);
		return { policy, warnings: why ? [why, ...warnings] : warnings, digest };
	} catch (error) {
		if (!(error instanceof PolicyError)) throw error;
		const [first, ...others] = error.problems;
		throw new PolicyError([`policy ${file}: ${first}`, ...others]);
	}
}

/**
 * Keeps the policy current. A broken file changes nothing: the policy that was read before stays.
 * @param parts.look see createFileTurn
 * @param parts.initial the policy read from the file a moment ago
 * @param parts.onNew called when another policy is about to be used
 */
export function createKeptPolicy({
	file,
	onNew,
	...parts
}: {
	file: string;
	initial: LoadedPolicy;
	look: (file: string) => Promise<unknown>;
	onNew: () => void;
	log: Pick<Log, "info" | "warning" | "error">;
	intervalMilliseconds: number;
}): KeptFiles<LoadedPolicy> {
	const kept: KeptFiles<LoadedPolicy> = createKeptFiles({
		...parts,
		files: [file],
		subject: `policy ${file}`,
		load: () => loadPolicy(file),
		isSame: (one, other) =>
			one.digest === other.digest &&
			one.warnings.join("\n") === other.warnings.join("\n"),
		describe: ({ policy, digest }) =>
			`${policy.commands.size} commands, ${policy.rules.length} rules, mode ${policy.mode}, SHA-256 ${digest.slice(0, 12)}`,
		use: onNew,
		warningsOf: async () =>
			kept.current().warnings.map((line) => `policy ${file}: ${line}`),
	});
	return kept;
}
