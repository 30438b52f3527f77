import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { join } from "node:path";
import { loadNativeAddon } from "../spawn/native-addon.ts";

/** A look-up that takes longer counts as hanging; even a very busy disk answers sooner. */
const lateAfterMilliseconds = 500;

/**
 * The time limit is counted in this many turns of the event loop: after a stall, an answer may be
 * waiting unread.
 */
const lateTurns = 10;

/**
 * When this many of libuv's four pool threads hang, only directories that have answered before are
 * tried.
 */
const maxPoolThreads = 2;

const typeMask = 0o170000;
const regularFile = 0o100000;

/** A file of any type that exists. */
export interface FoundFile {
	isFile: boolean;
	/** Type and permissions. */
	mode: number;
	/** In bytes. */
	size: number;
	/** Whether this user may run it. */
	mayRun: boolean;
}

/** Stats a file; undefined if it does not exist or cannot be read. */
export type Look = (file: string) => Promise<FoundFile | undefined>;

/**
 * How to stat files, and how many of those calls may hang before unknown directories are refused.
 */
export interface Asking {
	look: Look;
	maxHanging: number;
}

/**
 * "nothing": it does not exist or cannot be read. "late": the directory does not answer in time, or
 * is suspect.
 */
export type LookedUp = FoundFile | "nothing" | "late";

/**
 * Looks files up without blocking the event loop. A look-up that hangs never gives its thread back,
 * so:
 *
 * - Each directory has one look-up at a time. The others wait for it; those for the same file share
 * one. A directory that has not answered within half a second is suspect until it answers: until
 * then, look-ups in it are late at once and take no thread. Hence a directory holds at most one
 * thread, and cannot delay look-ups in another.
 * - The addon runs each look-up on its own thread, so hanging ones hold no thread of libuv's pool.
 * - Without the addon they use the pool. Once two of its four threads hang, only directories whose
 * last look-up was answered are tried; each of these that stops answering then holds one more.
 */
export interface Lookups {
	look(directory: string, name: string): Promise<LookedUp>;
	/**
	 * Resolves when the hanging look-up that made this directory late has ended, or after the time.
	 */
	settled(directory: string, milliseconds: number): Promise<void>;
}

/** The state of one plugin directory. */
interface Directory {
	/** The last look-up requested; undefined once it has ended. */
	last?: Promise<unknown>;
	/** Look-ups that have not begun, by file; later requests for the same file share them. */
	waiting: Map<string, Promise<LookedUp>>;
	/** Callbacks of waiting requests, called when the directory becomes suspect. */
	tellLate: Set<() => void>;
	/** The look-up that hangs. */
	hanging?: Promise<unknown>;
	/** Whether its last look-up was answered. */
	isAnswering: boolean;
}

/** @param asking how to stat files; tests replace it */
export function createLookups(
	asking: Asking = systemAsking(),
	lateMilliseconds = lateAfterMilliseconds,
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

	/**
	 * Looks up after the directory's earlier look-ups; synchronously if there are none, so that the
	 * directory is suspect before the caller learns that it is late.
	 */
	const inTurn = (directory: Directory, file: string) => {
		const { last, waiting } = directory;
		const shared = waiting.get(file);
		if (shared) return shared;
		const answer: Promise<LookedUp> = last
			? last.then(async () => {
					// the waiting requests were already told that it is late
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
				(!directory.isAnswering && hangingOnes().length >= asking.maxHanging);
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
			// a directory that was not tried waits for the look-ups that hold the threads
			if (own) await within(own, milliseconds);
			else if (others.length > 0)
				await within(Promise.race(others), milliseconds);
		},
	};
}

/**
 * Calls back after the time, spread over several turns of the event loop. Returns a function that
 * cancels it.
 */
function afterTurns(milliseconds: number, callback: () => void): () => void {
	let left = lateTurns;
	const next = () => {
		left--;
		if (left === 0) callback();
		else timer = setTimeout(next, milliseconds / lateTurns);
	};
	let timer = setTimeout(next, milliseconds / lateTurns);
	return () => clearTimeout(timer);
}

/** Stats through the addon; through libuv's pool if there is no addon or no thread is available. */
export function systemAsking(): Asking {
	const addon = loadNativeAddon();
	if ("reason" in addon)
		return { look: lookByPool, maxHanging: maxPoolThreads };
	return {
		maxHanging: Number.POSITIVE_INFINITY,
		look: (file) =>
			new Promise((resolve) => {
				const isStarted = addon.look(file, (answer) => {
					if (!answer) return resolve(undefined);
					const [mode, size, mayRun] = answer;
					const isFile = (mode & typeMask) === regularFile;
					resolve({ isFile, mode, size, mayRun });
				});
				if (!isStarted) resolve(lookByPool(file));
			}),
	};
}

/** Stats through Node, on threads of libuv's pool. */
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
