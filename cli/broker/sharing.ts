import type { Result } from "../check-happo/result.ts";

/** A result; with its age if it was kept. */
export interface Shared extends Result {
	/** Whether an agent answered it; only such results are kept. */
	isAnswer: boolean;
	ageMilliseconds?: number;
}

/** Lets identical checks share a run, and its result for some seconds. */
export interface Sharing {
	/**
	 * Returns a kept result, joins a run in flight, or starts one. A run is aborted
	 * when nobody waits for it any more.
	 * @param key the same for identical checks
	 * @throws the signal's reason
	 */
	run(
		key: string,
		signal: AbortSignal,
		start: (signal: AbortSignal) => Promise<Shared>,
	): Promise<Shared>;
}

/** Limits for kept results: their number, and the characters of one. */
const maxKept = 1_000;
const maxKeptLength = 65_536;

/** A run in flight. */
interface Run {
	result: Promise<Shared>;
	ending: AbortController;
	waiting: number;
}

/**
 * @param options.freshMilliseconds how long checks share a result; 0 means that they share nothing
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
	/** From the oldest to the newest. */
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
				// no check may join a run that is being aborted
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

/** The output with the result's age at the end of the first line, before the performance data. */
export function withAge({ output, ageMilliseconds }: Shared): string {
	if (ageMilliseconds === undefined) return output;
	const seconds = Math.round(ageMilliseconds / 1000);
	const [, text = "", rest = ""] = /^([^|\n]*)([\s\S]*)$/.exec(output) ?? [];
	const trimmed = text.trimEnd();
	return `${trimmed}${trimmed && " "}(${seconds} s old)${text.slice(trimmed.length)}${rest}`;
}
