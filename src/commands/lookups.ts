import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { join } from "node:path";
import { loadNativeAddon } from "./native-addon.ts";

/** A look-up that takes longer hangs; the fullest disk answers sooner. */
const LATE_MILLISECONDS = 500;

/** Threads of libuv's pool, which has four, after which no directory is tried that has not answered before. */
const MOST_POOL_THREADS = 2;

const FORMAT = 0o170000;
const REGULAR = 0o100000;

export interface FoundFile {
	isFile: boolean;
	/** Type and permissions. */
	mode: number;
	/** In bytes. */
	size: number;
	/** Whether this user may run it. */
	mayRun: boolean;
}

/** Asks the file system for a file; undefined if it is not there or cannot be read. */
export type Look = (file: string) => Promise<FoundFile | undefined>;

/** How the file system is asked, and how many of those calls may hang before unknown directories are refused. */
export interface Asking {
	look: Look;
	mostHanging: number;
}

/**
 * Looks at files without blocking the event loop. The thread of a look-up that hangs does not come back, so:
 *
 * - A directory has one look-up at a time; the others wait for it. One that has not answered within half a second is
 *   suspect until it answers: a look-up in it is late at once and takes no thread. Hence each directory holds one
 *   thread at most, and no directory makes those of another late.
 * - The addon gives each look-up a thread of its own: those that hang hold no thread of libuv's pool.
 * - Without the addon they take the pool's. Once two of its four threads hang, only directories whose last look-up was
 *   answered are asked; each of these that stops answering then holds one more.
 */
export interface Lookups {
	/** "nothing" for what is not there or cannot be read; "late" if the directory does not answer in time, or is suspect. */
	look(
		directory: string,
		name: string,
	): Promise<FoundFile | "nothing" | "late">;
	/** Resolves when a look-up that made this directory's late has ended, or after the time. */
	settled(directory: string, milliseconds: number): Promise<void>;
}

/** @param asking how the file system is asked, which tests replace */
export function createLookups(
	asking: Asking = systemAsking(),
	lateMilliseconds = LATE_MILLISECONDS,
): Lookups {
	/** The last look-up of each directory that has one. */
	const asked = new Map<string, Promise<unknown>>();
	/** The look-ups that hang, by directory. */
	const suspects = new Map<string, Promise<unknown>>();
	/** Directories whose last look-up was answered. */
	const answering = new Set<string>();

	const askNow = async (directory: string, file: string) => {
		const answer = asking.look(file);
		const late = setTimeout(() => {
			suspects.set(directory, answer);
			answering.delete(directory);
		}, lateMilliseconds);
		try {
			return (await answer) ?? "nothing";
		} finally {
			clearTimeout(late);
			suspects.delete(directory);
			answering.add(directory);
		}
	};

	return {
		async look(directory, name) {
			if (suspects.has(directory)) return "late";
			if (suspects.size >= asking.mostHanging && !answering.has(directory))
				return "late";
			let isAbandoned = false;
			const begin = () => askNow(directory, join(directory, name));
			const before = asked.get(directory);
			// one that need not wait begins at once: it is suspect before its caller hears that it is late
			const answer = before
				? before.then(async () => (isAbandoned ? "late" : begin()))
				: begin();
			asked.set(directory, answer);
			void answer.then(() => {
				if (asked.get(directory) === answer) asked.delete(directory);
			});
			const found = await within(answer, lateMilliseconds);
			isAbandoned = true;
			return found;
		},
		async settled(directory, milliseconds) {
			const own = asked.get(directory);
			const others = [...suspects.values()];
			// a directory that was not asked waits for those that took its thread
			if (own) await within(own, milliseconds);
			else if (others.length > 0)
				await within(Promise.race(others), milliseconds);
		},
	};
}

/** By the addon; by libuv's pool where there is none, or no thread can be had. */
function systemAsking(): Asking {
	const addon = loadNativeAddon();
	if ("reason" in addon)
		return { look: lookByPool, mostHanging: MOST_POOL_THREADS };
	return {
		mostHanging: Number.POSITIVE_INFINITY,
		look: (file) =>
			new Promise((resolve) => {
				const isStarted = addon.look(file, (answer) => {
					if (!answer) return resolve(undefined);
					const [mode, size, mayRun] = answer;
					const isFile = (mode & FORMAT) === REGULAR;
					resolve({ isFile, mode, size, mayRun });
				});
				if (!isStarted) resolve(lookByPool(file));
			}),
	};
}

/** With calls of Node, which take threads of libuv's pool. */
export const lookByPool: Look = async (file) => {
	try {
		const found = await stat(file);
		const mayRun = await access(file, constants.X_OK).then(
			() => true,
			() => false,
		);
		const { mode, size } = found;
		return { isFile: found.isFile(), mode, size, mayRun };
	} catch {
		return undefined;
	}
};

/** What a promise gives, or "late" when it takes longer. */
function within<T>(answer: Promise<T>, milliseconds: number) {
	return new Promise<T | "late">((resolve, reject) => {
		const timer = setTimeout(() => resolve("late"), milliseconds);
		answer.then(resolve, reject).finally(() => clearTimeout(timer));
	});
}
