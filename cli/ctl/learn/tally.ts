import type { Permission } from "../../../generated/permissions.ts";
import { maskedOptions } from "../../../src/protocol/audit-line.ts";
import {
	type AuditedCall,
	type AuditedOutcome,
	isMasked,
} from "./audited-calls.ts";

/** How often something was seen, when, and where it came from. */
export interface Sightings {
	count: number;
	/** The first and the last one. */
	readonly first: AuditedCall;
	last: AuditedCall;
	/** As far as there are few places. */
	readonly origins: Set<string>;
}

/** A call that was seen once or more. */
export interface SeenCall extends Sightings {
	readonly permission: Permission;
	readonly command: AuditedCall["command"];
	readonly hop: string | undefined;
	/** The same of each caller that was asked about, by its name. */
	readonly by: Map<string, Sightings>;
}

/** Limit of the places that are remembered of a call. */
const maxOrigins = 20;

/** Where a request came from. */
const originOf = ({ proof }: AuditedCall) =>
	proof.admin ? "the admin socket" : (proof.address ?? "no address");

const noSightings = (call: AuditedCall): Sightings => ({
	...{ count: 0, first: call, last: call },
	origins: new Set(),
});

function addSighting(seen: Sightings, call: AuditedCall): void {
	seen.count++;
	seen.last = call;
	if (seen.origins.size < maxOrigins) seen.origins.add(originOf(call));
}

/** Limits of what is kept of a log. */
const maxPending = 200_000;
const maxDifferent = 50_000;

/** Whether a request did what it was for. */
function isSuccess(
	{ permission }: AuditedCall,
	{ httpStatus, exitStatus }: AuditedOutcome,
): boolean {
	const isAnswered =
		httpStatus !== undefined && httpStatus >= 200 && httpStatus < 300;
	if (permission === "check")
		return (
			(isAnswered || httpStatus === undefined) &&
			exitStatus !== undefined &&
			exitStatus >= 0 &&
			exitStatus <= 2
		);
	return permission === "inventory"
		? isAnswered && exitStatus === 0
		: isAnswered;
}

/** A word of which the value is masked: as a whole, or after an option in the same word. */
const maskedValue = /^(--?[A-Za-z0-9][\w.-]*=|-[A-Za-z]|)\*\*\*$/;

/** Why the masked words of a call that fitted no command say too little. */
function whyHidden({ command }: AuditedCall): string | undefined {
	if (!command || command.fitted !== undefined) return undefined;
	const { words, called } = command;
	if (!words.some(isMasked)) return undefined;
	// a caller may have written *** itself, and a secret slot masks all words
	const expected = maskedOptions(
		words.map((word) => word.replace(maskedValue, "$1masked")),
		called,
	);
	return words.every(
		(word, at) =>
			!isMasked(word) || (maskedValue.test(word) && word === expected[at]),
	)
		? undefined
		: "words are masked that no option before them explains";
}

/** What was left out, by the reason, with the number of calls. */
export type LeftOut = ReadonlyMap<string, number>;

/** Counts the successful calls of named callers in an audit log. */
export class Tally {
	readonly #names: readonly string[];
	readonly #pending = new Map<string, AuditedCall>();
	readonly #calls = new Map<string, SeenCall>();
	readonly #leftOut = new Map<string, number>();

	/** @param names whose calls count */
	constructor(names: readonly string[]) {
		this.#names = names;
	}

	#leave(reason: string, count = 1) {
		this.#leftOut.set(reason, (this.#leftOut.get(reason) ?? 0) + count);
	}

	/** Takes a request. */
	take(call: AuditedCall): void {
		if (!this.#names.some((name) => call.who.includes(name)))
			this.#leave("by other callers");
		else if (call.decision === "refused") this.#leave("refused");
		else this.#pending.set(call.id, call);
		if (this.#pending.size <= maxPending) return;
		const [oldest] = this.#pending.keys();
		this.#pending.delete(oldest ?? "");
		this.#leave("not ended");
	}

	/** Takes the end of a request. */
	end(id: string, outcome: AuditedOutcome): void {
		const call = this.#pending.get(id);
		if (!call) return;
		this.#pending.delete(id);
		const why = isSuccess(call, outcome)
			? (call.unclear ?? whyHidden(call))
			: "not successful";
		if (why === undefined) this.#count(call);
		else this.#leave(why);
	}

	#count(call: AuditedCall) {
		const { permission, command, hop } = call;
		const key = JSON.stringify([
			...[permission, hop, command?.called, command?.fitted],
			...(command ? [command.isNrpe, command.words, ...command.slots] : []),
		]);
		let seen = this.#calls.get(key);
		if (!seen) {
			if (this.#calls.size >= maxDifferent) {
				this.#leave(`more than ${maxDifferent} different calls`);
				return;
			}
			seen = {
				...{ permission, command, hop, by: new Map() },
				...noSightings(call),
			};
			this.#calls.set(key, seen);
		}
		addSighting(seen, call);
		for (const name of new Set(call.who)) {
			if (!this.#names.includes(name)) continue;
			const own = seen.by.get(name) ?? noSightings(call);
			seen.by.set(name, own);
			addSighting(own, call);
		}
	}

	/** The calls that were seen, in the order of their first time. */
	calls(): SeenCall[] {
		return [...this.#calls.values()];
	}

	/** Call it after the last line. */
	leftOut(): LeftOut {
		if (this.#pending.size > 0) this.#leave("not ended", this.#pending.size);
		this.#pending.clear();
		return this.#leftOut;
	}
}
