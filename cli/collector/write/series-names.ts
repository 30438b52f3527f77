import { badLabelValue, labelField } from "./label.ts";
import type { RepeatedLabel } from "./write-request.ts";

/** A metric's name in the store. */
export interface ValidName extends RepeatedLabel {
	/** Counted from 0 since the names began anew. */
	readonly id: number;
	readonly text: string;
	/** The first printed name that became this one. */
	readonly first: string;
	/** Whether there are others. */
	hasRivals: boolean;
}

/** A metric's name as plugins print it. */
export interface SeriesName {
	readonly sensu: string;
	readonly valid: ValidName;
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
	#byValid = new Map<string, ValidName>();
	#era = 0;
	#letters = 0;
	/** Valid names that a second name has become. */
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
		const text = validName(sensu);
		const complaint = badLabelValue(sensu);
		if (complaint) return `the name is ${complaint}`;
		this.#letters += sensu.length;
		let valid = this.#byValid.get(text);
		if (valid) {
			if (!valid.hasRivals) this.clashes++;
			valid.hasRivals = true;
		} else {
			valid = {
				...{ id: this.#byValid.size, text, first: sensu, hasRivals: false },
				...{ label: labelField("__name__", text), request: 0, at: 0 },
			};
			this.#byValid.set(text, valid);
		}
		const added = { sensu, valid, batch: 0, last: 0 };
		this.#bySensu.set(sensu, added);
		return added;
	}
}
