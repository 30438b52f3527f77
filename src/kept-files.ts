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
	 * what was read before stays in use.
	 */
	reload(): Promise<void>;
	/** Call it only once. */
	start(): void;
	/** From then on, nothing is replaced and nothing is logged. */
	stop(): void;
}

/** Why the files are read: on request, because they have changed, or to confirm the last reading. */
type Occasion = "asked" | "changed" | "again";

/**
 * Keeps what was read from files current: polls them at every interval, and reads them if they have
 * changed. It polls because fs.watch misses changes behind links (Kubernetes, certbot) and on
 * network file systems. As a file may be half written, and several are replaced one after the other,
 * a change is used only when the next poll finds no further change.
 * @param parts.files those that exist by setting; at least one
 * @param parts.subject names the files in log lines
 * @param parts.look see createFileTurn
 * @param parts.initial what was read from the files a moment ago
 * @param parts.load reads the files; rejects with an Error that says which file is unusable and why
 * @param parts.use puts it to use; if it throws, what was used before must still be in use
 * @param parts.expiry what to warn of when a value comes into use, and then once a day, as the first
 * warning has long been forgotten
 * @param parts.warningsOf called after usable files were read; returns what else to warn of
 */
export function createKeptFiles<T>({
	files,
	subject,
	look: ask,
	lateMilliseconds,
	initial,
	load,
	isSame,
	describe,
	use,
	expiry,
	warningsOf,
	log,
	intervalMilliseconds,
	timers = systemTimers,
}: {
	files: readonly string[];
	subject: string;
	look: (file: string) => Promise<unknown>;
	lateMilliseconds?: number | undefined;
	initial: T;
	load: () => Promise<T>;
	isSame: (one: T, other: T) => boolean;
	describe: (value: T) => string;
	use: (value: T) => void;
	expiry?: {
		/** Wall clock in milliseconds. */
		now: () => number;
		warnings: (value: T, now: number) => readonly string[];
	};
	warningsOf?: () => Promise<readonly string[]>;
	log: Pick<Log, "info" | "warning" | "error">;
	intervalMilliseconds: number;
	timers?: Timers | undefined;
}): KeptFiles<T> {
	let value = initial;
	let problem: string | undefined;
	// versions of the files; unknown for `initial`
	let seen: string | undefined;
	let read: string | undefined;
	let isSettled = false;
	let isStopped = false;
	const today = () => dayOf(expiry?.now() ?? 0);
	let warnedOn = today();

	const warnOfExpiry = () => {
		if (!expiry) return;
		warnedOn = today();
		for (const line of expiry.warnings(value, expiry.now())) log.warning(line);
	};

	const attemptToLoad = async (irregular: string | undefined) => {
		if (irregular) return new Error(`${irregular}: not a regular file`);
		return load().catch((error: Error) => error);
	};

	const refuse = (reason: string, occasion: Occasion) => {
		const isNews = occasion !== "again" || reason !== problem;
		problem = reason;
		if (isNews)
			log.error(`${reason}; the old one stays in use: ${describe(value)}`);
	};

	/** Returns whether it is now in use. */
	const accept = (next: T, occasion: Occasion): boolean => {
		const isUnchanged = isSame(next, value);
		if (isUnchanged && occasion !== "asked" && problem === undefined)
			return true;
		try {
			if (!isUnchanged) use(next);
		} catch (error) {
			const { message } = error as Error;
			refuse(`${subject}: cannot be used: ${message}`, occasion);
			return false;
		}
		// as visible as the problem was
		const say = problem === undefined ? log.info : log.warning;
		problem = undefined;
		value = next;
		say(
			`${subject}: ${isUnchanged ? "unchanged" : "now in use"}: ${describe(next)}`,
		);
		return true;
	};

	const conclude = async (found: T | Error, occasion: Occasion) => {
		if (isStopped) return;
		if (found instanceof Error) return refuse(found.message, occasion);
		const before = value;
		const isUsed = accept(found, occasion);
		const isNew = isUsed && value !== before && !isSame(before, found);
		if (!isNew && occasion === "again") return;
		if (isNew) warnOfExpiry();
		const warnings = (await warningsOf?.()) ?? [];
		if (!isStopped) for (const line of warnings) log.warning(line);
	};

	const look = async () => {
		const { version, irregular } = await lookAt(files);
		const isQuiet = version === seen;
		seen = version;
		if (!isQuiet) return;
		// a problem may end without a change of the files, for example if too many files were open
		if (version === read && isSettled && problem === undefined) return;
		const found = await attemptToLoad(irregular);
		if ((await lookAt(files)).version !== version) return;
		const occasion = version === read ? "again" : "changed";
		read = version;
		isSettled = true;
		await conclude(found, occasion);
	};

	const reload = async () => {
		const { version, irregular } = await lookAt(files);
		read = version;
		// files written a moment ago can be written again without a new modification time
		isSettled = false;
		await conclude(await attemptToLoad(irregular), "asked");
	};

	// in order, so that an older reading cannot replace a newer one
	const inOrder = createFileTurn({ files, look: ask, lateMilliseconds });
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
			if (!isStopped && today() !== warnedOn) warnOfExpiry();
		},
		intervalMilliseconds,
		timers,
	});
	return {
		current: () => value,
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
