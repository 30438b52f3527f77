import type { Series } from "../../src/protocol/exposition.ts";

/** Counts values by size. */
export class Histogram {
	readonly #bounds: readonly number[];
	/** One more than bounds: what is over the last one. */
	readonly #counts: number[];
	#sum = 0;

	/** @param bounds the largest value of each bucket, in order */
	constructor(bounds: readonly number[]) {
		this.#bounds = bounds;
		this.#counts = new Array(bounds.length + 1).fill(0);
	}

	observe(value: number): void {
		let at = 0;
		while (at < this.#bounds.length && value > (this.#bounds[at] as number))
			at++;
		this.#counts[at] = (this.#counts[at] as number) + 1;
		this.#sum += value;
	}

	/** The series of a family of type histogram. */
	series(labels: Readonly<Record<string, string>>): Series[] {
		let count = 0;
		const buckets = this.#counts.map((own, at): Series => {
			count += own;
			const le = String(this.#bounds[at] ?? "+Inf");
			return { labels: { ...labels, le }, value: count, part: "bucket" };
		});
		return [
			...buckets,
			{ labels, value: this.#sum, part: "sum" },
			{ labels, value: count, part: "count" },
		];
	}
}
