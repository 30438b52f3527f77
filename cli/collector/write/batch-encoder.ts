import type { components } from "../../../generated/schema.ts";
import type { LabelSet } from "./label-sets.ts";
import type { Quarantined, QuarantineKind } from "./quarantine-file.ts";
import {
	type SeriesName,
	SeriesNames,
	type ValidName,
} from "./series-names.ts";
import type { WriteRequest } from "./write-request.ts";

type StoredSample = components["schemas"]["StoredSample"];

/** Where the encoded series of a batch go. */
export interface EncoderSink {
	/** The request to add the next series to. */
	request(): WriteRequest;
	/** Called after each series: the request may be full. */
	added(): void;
}

/** A sample for the quarantine. */
type Refusal = Omit<Quarantined, "host">;

/** Gives a sample to quarantine. */
type Refuse = (bad: Refusal) => void;

/**
 * Encodes the samples of batches. It uses the same arrays for all of them, so that a sample leaves no
 * garbage behind.
 */
export class BatchEncoder {
	readonly #names = new SeriesNames();
	/** The samples of one name are a list through the arrays; `heads` has the names of the first ones. */
	#values = new Float64Array(1_024);
	#times = new Float64Array(1_024);
	#next = new Int32Array(1_024);
	#heads: (SeriesName | undefined)[] = [];
	#count = 0;
	#batch = 0;
	/** Values of the samples, written or not. */
	#seen = 0;
	/** Some of the names become the same as others. */
	#hasRivals = false;
	/** Which of the names that become one are written, if none was before, by that one. */
	readonly #chosen = new Map<ValidName, string>();

	/** Call it before each batch. */
	begin(): void {
		this.#names.tidy();
	}

	/**
	 * Encodes samples of one set of labels. Of several values of a name with one time, the last one
	 * is written.
	 * @param samples in order of time
	 * @param all the samples of these labels in the whole batch
	 * @returns the number of their values
	 */
	encode(
		set: LabelSet,
		samples: readonly StoredSample[],
		all: readonly StoredSample[],
		sink: EncoderSink,
		refuse: Refuse,
	): number {
		set.begin(this.#names.era);
		const { clashes } = this.#names;
		this.#chosen.clear();
		let refused = this.#fill(set, samples);
		// names that become one: only now all of them are known
		if (this.#hasRivals || clashes !== this.#names.clashes) {
			this.#choose(set, all);
			refused = this.#fill(set, samples);
		}
		for (const one of refused) refuse(one);
		const [heads, next] = [this.#heads, this.#next];
		const [values, times] = [this.#values, this.#times];
		const count = this.#count;
		for (let index = 0; index < count; index++) {
			const entry = heads[index];
			if (!entry) continue;
			set.use(entry);
			sink.request().add(entry.valid, set.bytes, index, next, values, times);
			sink.added();
		}
		return this.#seen;
	}

	/** Chooses among names that become one: all of a batch, as its late samples are encoded first. */
	#choose(set: LabelSet, all: readonly StoredSample[]): void {
		for (const { metrics } of all)
			for (const sensu in metrics) {
				const entry = this.#names.of(sensu);
				if (typeof entry === "string" || !entry.valid.hasRivals) continue;
				const { valid } = entry;
				const before = this.#chosen.get(valid) ?? sensu;
				this.#chosen.set(
					valid,
					set.ownerOf(valid) ?? better(valid.text, before, sensu),
				);
			}
	}

	/** Puts samples into the arrays. Returns those that cannot be written. */
	#fill(set: LabelSet, samples: readonly StoredSample[]): Refusal[] {
		this.#batch++;
		this.#count = 0;
		this.#seen = 0;
		this.#hasRivals = false;
		this.#heads.length = 0;
		const refused: Refusal[] = [];
		const refuse = (one: Refusal) => refused.push(one);
		for (const { timestamp, metrics } of samples) {
			const time = timestamp * 1_000;
			for (const sensu in metrics) {
				const value = metrics[sensu] as number;
				this.#seen++;
				const entry = this.#names.of(sensu);
				const complaint =
					typeof entry === "string" ? entry : this.#complaintOf(entry);
				if (complaint !== undefined || typeof entry === "string")
					refuse(bad("name", complaint ?? "", set, sensu, value, time));
				// a client that does not check answers passes on anything
				else if (!Number.isFinite(value))
					refuse(bad("value", "not a number", set, sensu, value, time));
				else this.#put(set, entry, value, time, refuse);
			}
			if (timestamp > set.newest) set.newest = timestamp;
		}
		return refused;
	}

	#put(
		set: LabelSet,
		entry: SeriesName,
		value: number,
		time: number,
		refuse: Refuse,
	): void {
		const isFirst = entry.batch !== this.#batch;
		if (!isFirst && this.#times[entry.last] === time) {
			const earlier = this.#values[entry.last] as number;
			this.#values[entry.last] = value;
			if (earlier !== value)
				refuse(
					bad(
						...(["twice", "another value came for the same time"] as const),
						...([set, entry.sensu, earlier, time] as const),
					),
				);
			return;
		}
		if (this.#count === this.#values.length) this.#grow();
		const index = this.#count++;
		this.#values[index] = value;
		this.#times[index] = time;
		this.#next[index] = -1;
		this.#heads[index] = isFirst ? entry : undefined;
		if (isFirst) entry.batch = this.#batch;
		else this.#next[entry.last] = index;
		entry.last = index;
	}

	/** Why a name must not be written: another one becomes the same. */
	#complaintOf({ sensu, valid }: SeriesName): string | undefined {
		if (!valid.hasRivals) return undefined;
		this.#hasRivals = true;
		const chosen = this.#chosen.get(valid);
		return chosen === undefined || chosen === sensu
			? undefined
			: `becomes ${valid.text}, as ${JSON.stringify(chosen)} does`;
	}

	#grow(): void {
		const length = 2 * this.#count;
		const [values, times] = [
			new Float64Array(length),
			new Float64Array(length),
		];
		const next = new Int32Array(length);
		values.set(this.#values);
		times.set(this.#times);
		next.set(this.#next);
		this.#values = values;
		this.#times = times;
		this.#next = next;
	}
}

/**
 * Which of two names that become one is written, if neither was before: the one that is valid by
 * itself, or else the first one in order.
 */
function better(valid: string, one: string, other: string): string {
	if ((one === valid) !== (other === valid)) return one === valid ? one : other;
	return one < other ? one : other;
}

/** A sample that is not written. */
export const bad = (
	kind: QuarantineKind,
	reason: string,
	{ labels }: Pick<LabelSet, "labels">,
	sensu: string,
	value: number,
	time: number,
): Refusal => ({
	...{ kind, reason, value, time },
	labels: { __name__: sensu, ...Object.fromEntries(labels) },
});
