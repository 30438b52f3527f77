import { open } from "node:fs/promises";
import { strictJson } from "../../../src/strict-json.ts";
import { systemReason } from "../../../src/system-error.ts";

/**
 * Why samples are in quarantine: the name falls together with another one, cannot be used, or the
 * value cannot; there are too many or unusable labels; the time is one that the store drops; another
 * value has the same time; or the store has refused it.
 */
export type QuarantineKind =
	| "name"
	| "value"
	| "labels"
	| "time"
	| "twice"
	| "refused";

/** A sample that the store cannot take. */
export interface Quarantined {
	kind: QuarantineKind;
	reason: string;
	/** Name of the agent in the list of hosts. */
	host: string;
	/** All labels, with `__name__` as the plugin printed it or as the store refused it. */
	labels: Readonly<Record<string, string>>;
	value: number;
	/** Milliseconds since 1970. */
	time: number;
}

/** The samples could not be kept: their batch must not be acknowledged. */
export class QuarantineError extends Error {
	override name = "QuarantineError";
}

/** Lines that are written at once. */
const linesAtOnce = 2_000;

/**
 * The file for samples that a store cannot take. Each line is what VictoriaMetrics imports
 * (`/api/v1/import`), and more: the reason, the agent, the consumer and the time of the line. It is
 * opened for each write, so that it can be moved away at any time.
 */
export class QuarantineFile {
	readonly #path: string;
	readonly #consumer: string;
	readonly #maxBytes: number;
	readonly #now: () => number;
	#turn: Promise<unknown> = Promise.resolve();

	constructor(parts: {
		path: string;
		consumer: string;
		maxBytes: number;
		now: () => number;
	}) {
		this.#path = parts.path;
		this.#consumer = parts.consumer;
		this.#maxBytes = parts.maxBytes;
		this.#now = parts.now;
	}

	/** Appends samples. Rejects with QuarantineError. */
	keep(samples: readonly Quarantined[]): Promise<void> {
		if (samples.length === 0) return Promise.resolve();
		const kept = this.#turn.then(() => this.#append(samples));
		this.#turn = kept.catch(() => {});
		return kept;
	}

	async #append(samples: readonly Quarantined[]): Promise<void> {
		const at = new Date(this.#now()).toISOString();
		try {
			const file = await open(this.#path, "a", 0o640);
			try {
				let { size } = await file.stat();
				for (let from = 0; from < samples.length; from += linesAtOnce) {
					const lines = samples
						.slice(from, from + linesAtOnce)
						.map((sample) => this.#line(sample, at));
					const bytes = Buffer.from(lines.join(""));
					size += bytes.length;
					if (size > this.#maxBytes)
						throw new QuarantineError(
							`${this.#path}: has reached its limit of ${this.#maxBytes} bytes`,
						);
					await file.appendFile(bytes);
				}
			} finally {
				await file.close();
			}
		} catch (error) {
			if (error instanceof QuarantineError) throw error;
			throw new QuarantineError(`${this.#path}: ${systemReason(error)}`, {
				cause: error,
			});
		}
	}

	#line({ kind, reason, host, labels, value, time }: Quarantined, at: string) {
		return `${strictJson({
			metric: labels,
			// an agent may have sent anything
			values: [Number.isFinite(value) ? value : null],
			timestamps: [time],
			...{ kind, reason, host, consumer: this.#consumer, at },
		})}\n`;
	}
}
