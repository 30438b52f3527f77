import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { join } from "node:path";
import { loadNativeAddon } from "../spawn/native-addon.ts";

/** A look-up that takes longer hangs; the fullest disk answers sooner. */
const LATE_MILLISECONDS = 500;

/** Turns of the event loop in which a look-up's time limit is counted: one that was held up has not heard the answer yet. */
const LATE_TURNS = 10;

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

/** "nothing" for what is not there or cannot be read; "late" if the directory does not answer in time, or is suspect. */
export type LookedUp = FoundFile | "nothing" | "late";

/**
 * Looks at files without blocking the event loop. The thread of a look-up that hangs does not come back, so:
 *
 * - A directory has one look-up at a time; the others wait for it, those for one file together. One that has not
 *   answered within half a second is suspect until it answers: a look-up in it is late at once and takes no thread.
 *   Hence each directory holds one thread at most, and no directory makes those of another late.
 * - The addon gives each look-up a thread of its own: those that hang hold no thread of libuv's pool.
 * - Without the addon they take the pool's. Once two of its four threads hang, only directories whose last look-up was
 *   answered are asked; each of these that stops answering then holds one more.
 */
export interface Lookups {
	look(directory: string, name: string): Promise<LookedUp>;
	/** Resolves when a look-up that made this directory's late has ended, or after the time. */
	settled(directory: string, milliseconds: number): Promise<void>;
}

/** What is known of a directory of the settings. */
interface Directory {
	/** Ends with the last look-up that was asked for, if one has not ended. */
	last?: Promise<unknown>;
	/** Look-ups that have not begun, by file: they are for all who ask meanwhile. */
	waiting: Map<string, Promise<LookedUp>>;
	/** Tells those who wait that it is suspect. */
	tellLate: Set<() => void>;
	/** The look-up that hangs. */
	hanging?: Promise<unknown>;
	/** Whether its last look-up was answered. */
	isAnswering: boolean;
}

/** @param asking how the file system is asked, which tests replace */
export function createLookups(
	asking: Asking = systemAsking(),
	lateMilliseconds = LATE_MILLISECONDS,
): Lookups {
	const directories = new Map<string, Directory>();
	const known = (path: string) => {
		const made: Directory = directories.get(path) ?? {
			waiting: new Map(),
			tellLate: new Set(),
			isAnswering: false,
		};
		directories.set(path, made);
		return made;
	};
	const hangingOnes = () =>
		[...directories.values()].flatMap(({ hanging }) => hanging ?? []);

	const ask = async (directory: Directory, file: string): Promise<LookedUp> => {
		const answer = asking.look(file);
		const answered = afterTurns(lateMilliseconds, () => {
			directory.hanging = answer;
			directory.isAnswering = false;
			directory.waiting.clear();
			for (const tell of directory.tellLate) tell();
		});
		try {
			return (await answer) ?? "nothing";
		} finally {
			answered();
			delete directory.hanging;
			directory.isAnswering = true;
		}
	};

	/** In its turn; at once where there is none, so that the directory is suspect before its caller hears that it is late. */
	const inTurn = (directory: Directory, file: string) => {
		const { last, waiting } = directory;
		const shared = waiting.get(file);
		if (shared) return shared;
		const answer: Promise<LookedUp> = last
			? last.then(async () => {
					// those who waited were told that it is late
					if (waiting.get(file) !== answer) return "late";
					waiting.delete(file);
					return ask(directory, file);
				})
			: ask(directory, file);
		if (last) waiting.set(file, answer);
		directory.last = answer;
		void answer.then(() => {
			if (directory.last === answer) delete directory.last;
		});
		return answer;
	};

	return {
		look(path, name) {
			const directory = known(path);
			const isLate =
				directory.hanging !== undefined ||
				(!directory.isAnswering && hangingOnes().length >= asking.mostHanging);
			if (isLate) return Promise.resolve("late");
			return new Promise((resolve, reject) => {
				const late = () => resolve("late");
				directory.tellLate.add(late);
				inTurn(directory, join(path, name))
					.then(resolve, reject)
					.finally(() => directory.tellLate.delete(late));
			});
		},
		async settled(path, milliseconds) {
			const own = known(path).last;
			const others = hangingOnes();
			// a directory that was not asked waits for those that took its thread
			if (own) await within(own, milliseconds);
			else if (others.length > 0)
				await within(Promise.race(others), milliseconds);
		},
	};
}

/** Calls back after the time and that many turns of the event loop, unless it is ended before. */
function afterTurns(milliseconds: number, callback: () => void): () => void {
	let left = LATE_TURNS;
	const next = () => {
		left--;
		if (left === 0) callback();
		else timer = setTimeout(next, milliseconds / LATE_TURNS);
	};
	let timer = setTimeout(next, milliseconds / LATE_TURNS);
	return () => clearTimeout(timer);
}

/** By the addon; by libuv's pool where there is none, or no thread can be had. */
export function systemAsking(): Asking {
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

/** Resolves with the promise, or after the time. */
function within(promise: Promise<unknown>, milliseconds: number) {
	return new Promise<void>((resolve, reject) => {
		const timer = setTimeout(resolve, milliseconds);
		promise.then(() => resolve(), reject).finally(() => clearTimeout(timer));
	});
}
