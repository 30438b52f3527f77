import { badLabelValue, labelField } from "./label.ts";
import type { RepeatedLabel } from "./write-request.ts";

/** A metric's name as plugins print it, and what the store gets for it. */
export interface SeriesName extends RepeatedLabel {
	/** Counted from 0 since the names began anew. */
	id: number;
	sensu: string;
	valid: string;
	/** All names that become the same valid one, this one included; undefined as long as it is alone. */
	rivals: SeriesName[] | undefined;
	/** Scratch of the batch that is being encoded: its number, and the name's last sample in it. */
	batch: number;
	last: number;
}

/**
 * The valid name for a name that a plugin printed: every character that a name must not have
 * becomes `_`, and a digit in front gets one before it.
 */
export function validName(sensu: string): string {
	const cleaned = sensu.replace(/[^a-zA-Z0-9_:]/gu, "_");
	return /^\d/.test(cleaned) ? `_${cleaned}` : cleaned;
}

/** Names that are remembered; a fleet has thousands. An agent that invents more makes all begin anew. */
const maxNames = 100_000;
const maxNameLetters = 8_388_608;

/** All names that came so far, encoded once: agents share most of them. */
export class SeriesNames {
	readonly #max: number;
	#bySensu = new Map<string, SeriesName>();
	#byValid = new Map<string, SeriesName>();
	#era = 0;
	#letters = 0;
	/** How often a name became the same as another one. */
	clashes = 0;

	constructor(max = maxNames) {
		this.#max = max;
	}

	/** Changes when the names begin anew: ids of before mean nothing then. */
	get era(): number {
		return this.#era;
	}

	/** Forgets all names if there are too many. Call it before a batch, not within. */
	tidy(): void {
		if (this.#bySensu.size < this.#max && this.#letters < maxNameLetters)
			return;
		this.#letters = 0;
		this.#bySensu = new Map();
		this.#byValid = new Map();
		this.#era++;
	}

	/** The entry of a name, or why it cannot have one. */
	of(sensu: string): SeriesName | string {
		return this.#bySensu.get(sensu) ?? this.#add(sensu);
	}

	#add(sensu: string): SeriesName | string {
		if (sensu === "") return "the name is empty";
		const valid = validName(sensu);
		const complaint = badLabelValue(sensu);
		if (complaint) return `the name is ${complaint}`;
		this.#letters += sensu.length;
		const added: SeriesName = {
			...{ id: this.#bySensu.size, sensu, valid },
			label: labelField("__name__", valid),
			...{ rivals: undefined, batch: 0, last: 0, request: 0, at: 0 },
		};
		this.#bySensu.set(sensu, added);
		const first = this.#byValid.get(valid);
		if (first) {
			first.rivals ??= [first];
			first.rivals.push(added);
			this.clashes++;
			added.rivals = first.rivals;
		} else this.#byValid.set(valid, added);
		return added;
	}
}
