import type { components } from "../../../../generated/schema.ts";

/** Equal requests that a host's policy has refused. */
export type Refusal = components["schemas"]["RefusalList"]["refusals"][number];

/** Who it was, as far as that was proved. */
export function callerText({ who, proof, unproved_hops }: Refusal): string {
	const from = proof.admin ? "the admin socket" : (proof.address ?? "nowhere");
	const names = who.length > 0 ? `${who.join(", ")} (${from})` : from;
	return unproved_hops > 0 ? `${names}, relayed` : names;
}

/** What was called: the command with its options, or the operation. */
export function calledText({
	operation,
	command,
	options = [],
	hop,
}: Refusal): string {
	if (command !== undefined) return [command, ...options].join(" ");
	return hop === null ? operation : `${operation} to ${hop}`;
}

/**
 * What tells a refusal from all others, and stays when another equal request is refused or the
 * policy is replaced.
 */
export function keyOf(refusal: Refusal): string {
	const { id: _id, count: _count, last_at: _last, allow: _, ...same } = refusal;
	return JSON.stringify(same);
}
