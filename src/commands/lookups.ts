import { constants, type Stats } from "node:fs";
import { access, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** A look-up that takes longer hangs; the fullest disk answers sooner. */
const LATE_MILLISECONDS = 500;

/** Threads of libuv's pool, which has four, that hanging look-ups may hold: starts and the store need the others. */
const MOST_HANGING = 2;

/** Questions to the file system, which reject for what is not there or may not be known. */
export interface Questions {
	stat(file: string): Promise<Stats>;
	/** Whether this user may run it. */
	mayRun(file: string): Promise<void>;
}

const system: Questions = {
	stat,
	mayRun: (file) => access(file, constants.X_OK),
};

/**
 * Looks at files without blocking the event loop. Where a file system hangs, its thread does not come back: so each
 * directory has one look-up at a time, the others wait for it, and those of other directories go on.
 */
export interface Lookups {
	/**
	 * Resolves with "late" when the directory does not answer within half a second, at once if it is known to hang; with
	 * "nothing" for what is not there. What cannot be read counts as not there.
	 */
	look(file: string): Promise<Stats | "nothing" | "late">;
	/** As `look`; "nothing" when this user may not run it. */
	mayRun(file: string): Promise<"yes" | "nothing" | "late">;
	/** Resolves when a hanging directory has answered again, or after the time. */
	settled(directory: string, milliseconds: number): Promise<void>;
}

/** @param questions what the system is asked with, which tests replace */
export function createLookups(
	questions: Questions = system,
	lateMilliseconds = LATE_MILLISECONDS,
): Lookups {
	/** The last look-up of each directory that has one. */
	const asked = new Map<string, Promise<unknown>>();
	const hanging = new Set<string>();

	const askNow = async <T>(directory: string, question: () => Promise<T>) => {
		const late = setTimeout(() => hanging.add(directory), lateMilliseconds);
		try {
			return await question();
		} catch {
			return "nothing";
		} finally {
			clearTimeout(late);
			hanging.delete(directory);
		}
	};

	const ask = async <T>(
		directory: string,
		question: () => Promise<T>,
	): Promise<T | "nothing" | "late"> => {
		if (hanging.has(directory) || hanging.size >= MOST_HANGING) return "late";
		let isAbandoned = false;
		const answer = Promise.resolve(asked.get(directory)).then(
			async (): Promise<T | "nothing" | "late"> =>
				isAbandoned ? "late" : askNow(directory, question),
		);
		asked.set(directory, answer);
		void answer.then(() => {
			if (asked.get(directory) === answer) asked.delete(directory);
		});
		const found = await within(answer, lateMilliseconds);
		isAbandoned = true;
		return found;
	};

	return {
		look: (file) => ask(dirname(file), () => questions.stat(file)),
		mayRun: (file) =>
			ask(dirname(file), async () => {
				await questions.mayRun(file);
				return "yes" as const;
			}),
		async settled(directory, milliseconds) {
			await within(Promise.resolve(asked.get(directory)), milliseconds);
		},
	};
}

/** What a promise gives, or "late" when it takes longer. */
function within<T>(answer: Promise<T>, milliseconds: number) {
	return new Promise<T | "late">((resolve, reject) => {
		const timer = setTimeout(() => resolve("late"), milliseconds);
		answer.then(resolve, reject).finally(() => clearTimeout(timer));
	});
}
