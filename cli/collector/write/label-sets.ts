import { badLabelValue, isLabelName, labelField } from "./label.ts";
import type { SeriesName, ValidName } from "./series-names.ts";

/** Labels of a host in the list of hosts. */
export type Labels = Readonly<Record<string, string>>;

/** The labels of one agent's samples about one host: those of all its series, but for the name. */
export class LabelSet {
	/** Label names and values, those first that tell the hosts apart. */
	readonly labels: readonly (readonly [string, string])[];
	/** The labels, encoded. */
	readonly bytes: Uint8Array;
	/** Time of the newest sample that was sent, in seconds. */
	newest = Number.NEGATIVE_INFINITY;
	/** A bit for each valid name that was written for the first name that became it. */
	#used = new Uint32Array(8);
	/** The name that was written for a valid one, if it was another than the first. */
	readonly #others = new Map<string, string>();
	#era = 0;
	#complaint: string | undefined;

	constructor(labels: LabelSet["labels"]) {
		this.labels = labels;
		this.bytes = Buffer.concat(labels.map((label) => labelField(...label)));
		for (const [name, value] of labels) {
			const complaint = badLabelValue(value);
			if (complaint) this.#complaint = `label ${name}: ${complaint}`;
		}
	}

	/** Why samples with these labels cannot be written; undefined if they can. */
	complaint(maxLabels: number): string | undefined {
		const count = this.labels.length + 1;
		return count > maxLabels
			? `${count} labels, of which the store keeps ${maxLabels}`
			: this.#complaint;
	}

	/** Forgets the names if they have begun anew. */
	begin(era: number): void {
		if (era === this.#era) return;
		this.#era = era;
		this.#used = new Uint32Array(8);
		this.#others.clear();
	}

	/** A name is written. */
	use({ sensu, valid: { id, text, first } }: SeriesName): void {
		if (sensu !== first) {
			this.#others.set(text, sensu);
			return;
		}
		const word = id >>> 5;
		if (word >= this.#used.length) {
			const longer = new Uint32Array(Math.max(word + 1, 2 * this.#used.length));
			longer.set(this.#used);
			this.#used = longer;
		}
		(this.#used[word] as number) |= 1 << (id & 31);
	}

	/** The name that was written for a valid one; undefined if none was. */
	ownerOf({ id, text, first }: ValidName): string | undefined {
		const isFirst = ((this.#used[id >>> 5] ?? 0) & (1 << (id & 31))) !== 0;
		return isFirst ? first : this.#others.get(text);
	}
}

/** Why these labels from the list of hosts cannot be written; undefined if they can. */
export function badLabels(labels: Labels): string | undefined {
	for (const [name, value] of Object.entries(labels)) {
		if (!isLabelName(name)) return `not the name of a label: ${name}`;
		if (typeof value !== "string") return `label ${name}: not a text`;
		const complaint = badLabelValue(value);
		if (complaint) return `label ${name}: ${complaint}`;
	}
	return undefined;
}

const instanceOf = (host: string, { instance }: Labels) => instance || host;

/** What tells the series of an agent in the list of hosts from those of other agents. */
export function identityOf(host: string, labels: Labels): string {
	// these two hold what the agent's samples say, so they tell no agents apart
	const { hostname, exported_hostname, ...telling } = labels;
	return JSON.stringify(
		Object.entries({ ...telling, instance: instanceOf(host, labels) })
			.filter(([, value]) => value !== "")
			.sort(byName),
	);
}

/** Hosts that one agent may have samples about; beyond that, the labels are encoded anew. */
const maxSetsOfHost = 2_000;

/** An agent in the list of hosts, with the labels of its series. */
export class HostLabels {
	readonly #instance: string;
	readonly #labels: Labels;
	readonly #sets = new Map<string, LabelSet>();

	constructor(host: string, labels: Labels) {
		this.#instance = instanceOf(host, labels);
		this.#labels = labels;
	}

	/** The labels of samples about a host. */
	of(hostname: string): LabelSet {
		const known = this.#sets.get(hostname);
		if (known) return known;
		if (this.#sets.size >= maxSetsOfHost) this.#sets.clear();
		const set = new LabelSet(this.#list(hostname));
		this.#sets.set(hostname, set);
		return set;
	}

	#list(hostname: string): LabelSet["labels"] {
		const { instance, hostname: listed = "", ...more } = this.#labels;
		const { exported_hostname: exported = "", ...others } = more;
		const list: [string, string][] = [["instance", this.#instance]];
		// as Prometheus keeps what a target says beside what the list says
		if (listed === "")
			list.push(["hostname", hostname], ["exported_hostname", exported]);
		else list.push(["hostname", listed], ["exported_hostname", hostname]);
		list.push(...Object.entries(others).sort(byName));
		// to a store, an empty label is none
		return list.filter(([, value]) => value !== "");
	}
}

const byName = ([one]: [string, unknown], [other]: [string, unknown]) =>
	one < other ? -1 : 1;
