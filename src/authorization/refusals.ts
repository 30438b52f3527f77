import { setImmediate as nextTurn } from "node:timers/promises";
import type { Permission } from "../../generated/permissions.ts";
import type { components } from "../../generated/schema.ts";
import type { Policy } from "../policy/policy.ts";
import { proposal } from "../policy/proposal.ts";
import type { AuditProof, DecisionLine } from "../protocol/audit-line.ts";

/** How a request was refused: as in the audit log, or over the limits of a rule. */
export type RefusalKind = "refused" | "would-refuse" | "limited";

/** Equal requests that were refused. */
interface Refusal {
	readonly kind: RefusalKind;
	readonly permission: Permission;
	/** The last decision; its texts are cut at limits. */
	readonly line: DecisionLine;
	/** How many there were. */
	readonly count: number;
	/** Milliseconds since 1970. */
	readonly firstAt: number;
	readonly lastAt: number;
}

/** A refusal as the contract has it. */
export type ListedRefusal =
	components["schemas"]["RefusalList"]["refusals"][number];

/** What is kept of equal requests. */
interface Entry extends Refusal {
	line: DecisionLine;
	count: number;
	lastAt: number;
	/** Whose entries count together. */
	readonly caller: string;
	/** Whether nothing was cut of what was asked. */
	readonly isWhole: boolean;
	/** Whether nothing was cut of what the caller has proved. */
	readonly isProofWhole: boolean;
	/** The last proposal, and the policy that it is for. */
	proposed?: { readonly for: Policy; readonly text: string | undefined };
}

/** Limits of entries: in all, of one caller, and of all callers whom the policy does not know. */
const limits = { all: 128, caller: 32, strangers: 32 };

/** Limits of characters: of one text, and of all words of a request. */
const maxText = 512;
const maxWordsText = 1_024;

const cut = (text: string) =>
	text.length <= maxText ? text : `${text.slice(0, maxText)}…`;

/** The first words, as far as there is room. */
function cutWords(words: readonly string[]): readonly string[] {
	const kept: string[] = [];
	let left = maxWordsText;
	for (const word of words) {
		if (word.length > left || kept.length >= 64) return [...kept, "…"];
		left -= word.length + 1;
		kept.push(word);
	}
	return kept;
}

/** A proof that is not too long: a certificate may have hundreds of names. */
function cutProof(proof: AuditProof): AuditProof {
	const { certificate } = proof;
	if (!certificate || JSON.stringify(proof).length <= maxWordsText)
		return proof;
	const { fingerprint } = certificate;
	return { ...proof, certificate: { fingerprint } };
}

function cutLine(line: DecisionLine): DecisionLine {
	// slots have the values again
	const { command, options, hop, slots: _, ...more } = line;
	return {
		...more,
		proof: cutProof(line.proof),
		...(command !== undefined && { command: cut(command) }),
		...(options && { options: cutWords(options) }),
		...(hop !== undefined && { hop: cut(hop) }),
		reason: cut(line.reason),
	};
}

/**
 * The last requests that a policy has refused. Equal ones are one entry, and nobody can fill the
 * list alone: what a caller has too much of makes room first.
 */
export class Refusals {
	/** The one that came last is the last one. */
	readonly #entries = new Map<string, Entry>();
	readonly #now: () => number;

	/** @param now milliseconds since 1970 */
	constructor(now: () => number) {
		this.#now = now;
	}

	/** Takes a decision, with what may be secrets masked. */
	note(kind: RefusalKind, permission: Permission, decision: DecisionLine) {
		const line = cutLine(decision);
		const { id: _, ...same } = line;
		const sent = decision.options ?? [];
		const { command, hop, options = [] } = line;
		const isWhole =
			command === decision.command &&
			hop === decision.hop &&
			options.length === sent.length &&
			options.every((word, at) => word === sent[at]);
		const key = JSON.stringify([kind, permission, isWhole, same]);
		const at = this.#now();
		const known = this.#entries.get(key);
		if (known) {
			this.#entries.delete(key);
			this.#entries.set(key, known);
			known.count++;
			known.lastAt = at;
			known.line = { ...known.line, id: line.id };
			return;
		}
		const { who, proof } = line;
		const caller = who.length > 0 ? `who ${who.join()}` : `${proof.address}`;
		this.#entries.set(key, {
			// a word may be a slice, which would keep the whole request in memory
			...{ kind, permission, line: structuredClone(line), caller },
			...{ count: 1, firstAt: at, lastAt: at },
			isWhole,
			isProofWhole: proof === decision.proof,
		});
		this.#makeRoom(caller, who.length === 0);
	}

	/** Forgets the oldest of whoever has too much. */
	#makeRoom(caller: string, isStranger: boolean) {
		const counts = new Map<string, number>();
		let strangers = 0;
		for (const { caller, line } of this.#entries.values()) {
			counts.set(caller, (counts.get(caller) ?? 0) + 1);
			if (line.who.length === 0) strangers++;
		}
		const isTooMany = (counts.get(caller) ?? 0) > limits.caller;
		const isCrowd = isStranger && strangers > limits.strangers;
		if (!isTooMany && !isCrowd && this.#entries.size <= limits.all) return;
		let most = isTooMany ? caller : undefined;
		// of those with equally many, whoever has the oldest one
		if (most === undefined)
			for (const { caller, line } of this.#entries.values())
				if (
					(!isCrowd || line.who.length === 0) &&
					(counts.get(caller) ?? 0) > (counts.get(most ?? "") ?? 0)
				)
					most = caller;
		for (const [key, entry] of this.#entries)
			if (entry.caller === most) {
				this.#entries.delete(key);
				return;
			}
	}

	/**
	 * The refusals, the last one first, each with lines of a policy that would permit it.
	 * @param policy the policy in use; undefined without one, which refuses nothing
	 */
	async list(policy: Policy | undefined): Promise<ListedRefusal[]> {
		const entries = [...this.#entries.values()].toReversed();
		for (const entry of entries)
			if (policy && entry.proposed?.for !== policy) {
				entry.proposed = { for: policy, text: proposalOf(entry, policy) };
				// each takes a millisecond or more
				await nextTurn();
			}
		return entries.map((entry) =>
			listed(entry, policy && entry.proposed?.text),
		);
	}
}

const seconds = (milliseconds: number) => Math.floor(milliseconds / 1000);

function listed(
	{ kind, permission, line, count, firstAt, lastAt }: Refusal,
	allow: string | undefined,
): ListedRefusal {
	const { id, who, proof, via, protocol = "https", operation } = line;
	const { command, called = command, options, hop, rule, reason } = line;
	return {
		...(id !== "" && { id }),
		...{ decision: kind, count },
		...{ first_at: seconds(firstAt), last_at: seconds(lastAt) },
		who: [...who],
		proof: structuredClone(proof) as ListedRefusal["proof"],
		unproved_hops: via?.unproved_hops ?? 0,
		...{ protocol, operation, permission },
		...(called !== undefined && { command: called }),
		...(options && { options: [...options] }),
		hop: hop ?? null,
		rule: rule ?? null,
		reason,
		allow: allow ?? null,
	};
}

/** Who the caller is in a policy, which may have replaced the one that refused the request. */
function namesIn(
	{ callers }: Policy,
	{ line: { who, proof }, isProofWhole }: Entry,
): readonly string[] {
	return isProofWhole
		? callers.evidenceOf(callers.callerWith(proof)).who()
		: who.filter((name) => callers.names.includes(name));
}

function proposalOf(entry: Entry, policy: Policy): string | undefined {
	const { kind, permission, line, isWhole } = entry;
	if (kind === "limited" || !isWhole || line.unsplit) return undefined;
	const { proof, command, called, options = [], hop, protocol } = line;
	const name = called ?? command;
	return proposal(policy, {
		...{ permission, proof, isNrpe: protocol === "nrpe" },
		who: namesIn(policy, entry),
		...(name !== undefined && { command: { name, words: options } }),
		...(hop !== undefined && { hop }),
	});
}
