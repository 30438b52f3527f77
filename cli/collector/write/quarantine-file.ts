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

/** Part of the file that one host may fill: its samples must not keep those of others out. */
const partOfHost = 16;

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
	/** Bytes of each host that this process has written to the file, and what the file was then. */
	readonly #written = new Map<string, number>();
	#ino = 0;
	#size = 0;

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

	/**
	 * Appends samples of one host. Rejects with QuarantineError, also if the host has filled its part of
	 * the file: the agent then keeps its batch until the file has been moved away.
	 */
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
				const found = await file.stat();
				let { size } = found;
				// it was moved away or emptied
				if (found.ino !== this.#ino || size < this.#size) this.#written.clear();
				this.#ino = found.ino;
				const { host = "" } = samples[0] ?? {};
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
					const written = (this.#written.get(host) ?? 0) + bytes.length;
					const share = Math.floor(this.#maxBytes / partOfHost);
					if (written > share)
						throw new QuarantineError(
							`${this.#path}: the host has reached its share of ${share} bytes`,
						);
					await file.appendFile(bytes);
					this.#written.set(host, written);
					this.#size = size;
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
