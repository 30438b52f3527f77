import { stat } from "node:fs/promises";
import type { Log } from "./log.ts";
import { createFileTurn, FileHangs, fileVersion } from "./polled-files.ts";
import { systemReason } from "./system-error.ts";
import { createTicker, systemTimers, type Timers } from "./ticker.ts";

/** Keeps what was read from files current. */
export interface KeptFiles<T> {
	/** What is in use. */
	current(): T;
	/** Why the current files are not in use; undefined if they are. */
	readonly problem: string | undefined;
	/**
	 * Reads the files and logs the result. Never throws: unusable files are logged as an error, and
	 * what is in use stays.
	 */
	reload(): Promise<void>;
	/** Call it only once. */
	start(): void;
	/** From then on, nothing is replaced and nothing is logged. */
	stop(): void;
}

/** How to read some files, and what to do with the result. */
export interface Keeping<T> {
	/** All of them count as one: they are used together or not at all. */
	paths: readonly string[];
	/** Names them in the log: `certificate agent.pub`. */
	name: string;
	/** Rejects with an error whose message names the file and the reason. */
	load: () => Promise<T>;
	/** What the files held a moment ago. */
	initial: T;
	isSame: (one: T, other: T) => boolean;
	/** Makes the agent use it; if it throws, the old one must still be in use. */
	use: (next: T) => void;
	/** For the log, in one line. */
	describe: (one: T) => string;
	/** Lines to log as warnings when it comes into use and then once a day, such as of its expiry. */
	warnings: (one: T, now: Date) => readonly string[];
	/** Lines to log as warnings after each change of the files, such as of their modes. */
	risks?: () => Promise<readonly string[]>;
}

/** Why the files are read: on request, because they have changed, or to confirm the last reading. */
type Occasion = "asked" | "changed" | "again";

/**
 * Keeps what was read from files current: polls them at every interval, and reads them if they have
 * changed. It polls because fs.watch misses changes behind links (Kubernetes, certbot) and on
 * network file systems. As files that belong together are replaced one after the other, a change is
 * used only when the next poll finds no further change.
 * @param parts.look see createFileTurn
 * @param parts.now wall clock in milliseconds
 */
export function createKeptFiles<T>({
	paths,
	name,
	load: read,
	initial,
	isSame,
	use,
	describe,
	warnings,
	risks = async () => [],
	look: ask,
	lateMilliseconds,
	log,
	now,
	intervalMilliseconds,
	timers = systemTimers,
}: Keeping<T> & {
	look: (file: string) => Promise<unknown>;
	lateMilliseconds?: number | undefined;
	log: Pick<Log, "info" | "warning" | "error">;
	now: () => number;
	intervalMilliseconds: number;
	timers?: Timers | undefined;
}): KeptFiles<T> {
	let current = initial;
	let problem: string | undefined;
	// versions of the files; unknown for `initial`
	let seen: string | undefined;
	let lastRead: string | undefined;
	let isSettled = false;
	let warnedOn = dayOf(now());
	let isStopped = false;

	const warn = () => {
		warnedOn = dayOf(now());
		for (const line of warnings(current, new Date(now()))) log.warning(line);
	};

	const load = async (irregular: string | undefined) => {
		if (irregular) return new Error(`${irregular}: not a regular file`);
		return read().catch((error: Error) => error);
	};

	const refuse = (reason: string, occasion: Occasion) => {
		const isNews = occasion !== "again" || reason !== problem;
		problem = reason;
		if (isNews)
			log.error(`${reason}; the old one stays in use: ${describe(current)}`);
	};

	const accept = (next: T, occasion: Occasion) => {
		const isKnown = isSame(next, current);
		if (isKnown && occasion !== "asked" && problem === undefined) return;
		try {
			if (!isKnown) use(next);
		} catch (error) {
			const { message } = error as Error;
			return refuse(`${name}: cannot be used: ${message}`, occasion);
		}
		// as visible as the problem was
		const say = problem === undefined ? log.info : log.warning;
		problem = undefined;
		current = next;
		const result = isKnown ? "unchanged" : "now in use";
		say(`${name}: ${result}: ${describe(next)}`);
		if (!isKnown) warn();
	};

	const conclude = async (found: T | Error, occasion: Occasion) => {
		if (isStopped) return;
		if (found instanceof Error) return refuse(found.message, occasion);
		accept(found, occasion);
		if (occasion === "again") return;
		const lines = await risks();
		if (!isStopped) for (const line of lines) log.warning(line);
	};

	const look = async () => {
		const { version, irregular } = await lookAt(paths);
		const isQuiet = version === seen;
		seen = version;
		if (!isQuiet) return;
		// a problem may end without a change of the files, for example if too many files were open
		if (version === lastRead && isSettled && problem === undefined) return;
		const found = await load(irregular);
		if ((await lookAt(paths)).version !== version) return;
		const occasion = version === lastRead ? "again" : "changed";
		lastRead = version;
		isSettled = true;
		await conclude(found, occasion);
	};

	const reload = async () => {
		const { version, irregular } = await lookAt(paths);
		lastRead = version;
		// files written a moment ago can be written again without a new modification time
		isSettled = false;
		await conclude(await load(irregular), "asked");
	};

	// in order, so that an older reading cannot replace a newer one
	const inOrder = createFileTurn({
		files: paths,
		look: ask,
		lateMilliseconds,
	});
	const attempt = async (occasion: Occasion, work: () => Promise<void>) => {
		try {
			await inOrder(work);
		} catch (error) {
			if (!(error instanceof FileHangs)) throw error;
			if (!isStopped) refuse(`${error.file}: ${error.message}`, occasion);
		}
	};

	const ticker = createTicker({
		tick: async () => {
			await attempt("again", look);
			// repeat the warnings daily, as those at startup have long been forgotten
			if (!isStopped && dayOf(now()) !== warnedOn) warn();
		},
		intervalMilliseconds,
		timers,
	});
	return {
		current: () => current,
		get problem() {
			return problem;
		},
		reload: () => attempt("asked", reload),
		start: ticker.start,
		stop() {
			isStopped = true;
			ticker.stop();
		},
	};
}

/**
 * Stats the files, following links, and names one that is not a regular file, as reading it might
 * never end.
 */
async function lookAt(paths: readonly string[]) {
	const versions: string[] = [];
	let irregular: string | undefined;
	for (const path of paths)
		try {
			const found = await stat(path, { bigint: true });
			versions.push(fileVersion(found));
			if (!found.isFile()) irregular ??= path;
		} catch (error) {
			versions.push(systemReason(error));
		}
	return { version: versions.join(", "), irregular };
}

/** Days since 1970 in UTC. */
function dayOf(milliseconds: number) {
	return Math.floor(milliseconds / 86_400_000);
}
