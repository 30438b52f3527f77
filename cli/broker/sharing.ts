import type { Result } from "../check-happo/result.ts";

/** A result, and how old it is where it was kept. */
export interface Shared extends Result {
	/** Whether the agent had answered; only such a result is kept. */
	isAnswer: boolean;
	ageMilliseconds?: number;
}

/** Runs that identical checks share, and the results of the last seconds. */
export interface Sharing {
	/**
	 * Gives a kept result, or that of a run in flight, or starts one. The run is
	 * aborted when all that wait for it have gone.
	 * @param key the same for identical checks
	 * @throws the signal's reason
	 */
	run(
		key: string,
		signal: AbortSignal,
		start: (signal: AbortSignal) => Promise<Shared>,
	): Promise<Shared>;
}

/** Results that are kept at most, and characters of one. */
const maxKept = 1_000;
const maxKeptLength = 65_536;

/** A run in flight. */
interface Run {
	result: Promise<Shared>;
	ending: AbortController;
	waiting: number;
}

/**
 * @param options.freshMilliseconds how long a result is given to others; 0 shares nothing
 * @param options.now a clock in milliseconds
 */
export function createSharing({
	freshMilliseconds,
	now,
}: {
	freshMilliseconds: number;
	now: () => number;
}): Sharing {
	const runs = new Map<string, Run>();
	/** From old to new. */
	const kept = new Map<string, { result: Shared; at: number }>();

	const keep = (key: string, result: Shared) => {
		kept.delete(key);
		if (!result.isAnswer || result.output.length > maxKeptLength) return;
		kept.set(key, { result, at: now() });
		for (const [old, { at }] of kept) {
			if (kept.size <= maxKept && now() - at < freshMilliseconds) break;
			kept.delete(old);
		}
	};

	const begin = (
		key: string,
		start: (signal: AbortSignal) => Promise<Shared>,
	): Run => {
		const ending = new AbortController();
		const end = () => {
			if (runs.get(key) === run) runs.delete(key);
		};
		const run: Run = {
			ending,
			waiting: 0,
			result: start(ending.signal).then(
				(result) => {
					end();
					keep(key, result);
					return result;
				},
				(error) => {
					end();
					throw error;
				},
			),
		};
		runs.set(key, run);
		return run;
	};

	const joined = async (key: string, run: Run, signal: AbortSignal) => {
		run.waiting++;
		let leave = () => {};
		const gone = new Promise<never>((_, reject) => {
			leave = () => reject(signal.reason);
			signal.addEventListener("abort", leave, { once: true });
		});
		try {
			return await Promise.race([run.result, gone]);
		} finally {
			signal.removeEventListener("abort", leave);
			run.waiting--;
			if (run.waiting === 0) {
				// nobody may join what is about to end
				if (runs.get(key) === run) runs.delete(key);
				run.ending.abort();
			}
		}
	};

	return {
		async run(key, signal, start) {
			signal.throwIfAborted();
			if (freshMilliseconds === 0) return start(signal);
			const last = kept.get(key);
			if (last && now() - last.at < freshMilliseconds)
				return { ...last.result, ageMilliseconds: now() - last.at };
			return joined(key, runs.get(key) ?? begin(key, start), signal);
		},
	};
}

/** A text with the age of its result at the end of the first line, in front of its performance data. */
export function withAge({ output, ageMilliseconds }: Shared): string {
	if (ageMilliseconds === undefined) return output;
	const seconds = Math.round(ageMilliseconds / 1000);
	const [, text = "", rest = ""] = /^([^|\n]*)([\s\S]*)$/.exec(output) ?? [];
	const trimmed = text.trimEnd();
	return `${trimmed}${trimmed && " "}(${seconds} s old)${text.slice(trimmed.length)}${rest}`;
}
