import { stat } from "node:fs/promises";
import type { Log } from "../log.ts";
import { createFileTurn, FileHangs, fileVersion } from "../polled-files.ts";
import { systemReason } from "../system-error.ts";
import { createTicker, systemTimers, type Timers } from "../ticker.ts";
import {
	exposedFiles,
	type KeyPair,
	KeyPairError,
	loadKeyPair,
	validityWarning,
} from "./key-pair.ts";

/** Keeps a server's key pair current. */
export interface KeyPairKeeper {
	/** The pair in use. */
	current(): KeyPair;
	/** Why the current files are not in use; undefined if they are. */
	readonly problem: string | undefined;
	/**
	 * Reads the files and logs the result. Never throws: an unusable pair is logged as an error, and
	 * the old one stays.
	 */
	reload(): Promise<void>;
	/** Call it only once. */
	start(): void;
	/** From then on, no pair is replaced and nothing is logged. */
	stop(): void;
}

/** Why the files are read: on request, because they have changed, or to confirm the last reading. */
type Occasion = "asked" | "changed" | "again";

/**
 * Keeps a server's certificate current: polls its files at every interval, and reads them if they
 * have changed. It polls because fs.watch misses changes behind links (Kubernetes, certbot) and on
 * network file systems. As certificate and key are replaced one after the other, a change is used
 * only when the next poll finds no further change.
 * @param parts.look see createFileTurn
 * @param parts.initial the pair read from the files a moment ago
 * @param parts.use makes the server use a pair; if it throws, the old one must still be in use
 * @param parts.now wall clock in milliseconds
 */
export function createKeyPairKeeper({
	files,
	look: ask,
	lateMilliseconds,
	initial,
	use,
	log,
	now,
	intervalMilliseconds,
	timers = systemTimers,
}: {
	files: Parameters<typeof loadKeyPair>[0];
	look: (file: string) => Promise<unknown>;
	lateMilliseconds?: number;
	initial: KeyPair;
	use: (pair: KeyPair) => void;
	log: Pick<Log, "info" | "warning" | "error">;
	now: () => number;
	intervalMilliseconds: number;
	timers?: Timers;
}): KeyPairKeeper {
	const { certificateFile, privateKeyFile, passphraseFile = "" } = files;
	const paths = [
		certificateFile,
		privateKeyFile,
		...(passphraseFile ? [passphraseFile] : []),
	];
	let pair = initial;
	let problem: string | undefined;
	// versions of the files; unknown for `initial`
	let seen: string | undefined;
	let read: string | undefined;
	let isSettled = false;
	let warnedOn = dayOf(now());
	let isStopped = false;

	const warn = () => {
		warnedOn = dayOf(now());
		const warning = validityWarning(pair, new Date(now()));
		if (warning) log.warning(warning);
	};

	const load = async (irregular: string | undefined) => {
		if (irregular) return new KeyPairError(`${irregular}: not a regular file`);
		return loadKeyPair(files).catch((error: Error) => error);
	};

	const refuse = (reason: string, occasion: Occasion) => {
		const isNews = occasion !== "again" || reason !== problem;
		problem = reason;
		if (isNews)
			log.error(`${reason}; the old one stays in use: ${describe(pair)}`);
	};

	const accept = (next: KeyPair, occasion: Occasion) => {
		const isSame = isSamePair(next, pair);
		if (isSame && occasion !== "asked" && problem === undefined) return;
		try {
			if (!isSame) use(next);
		} catch (error) {
			const { message } = error as Error;
			const reason = `certificate ${certificateFile}: cannot be used: ${message}`;
			return refuse(reason, occasion);
		}
		// as visible as the problem was
		const say = problem === undefined ? log.info : log.warning;
		problem = undefined;
		pair = next;
		const result = isSame ? "unchanged" : "now in use";
		say(`certificate ${certificateFile}: ${result}: ${describe(next)}`);
		if (!isSame) warn();
	};

	const conclude = async (found: KeyPair | Error, occasion: Occasion) => {
		if (isStopped) return;
		if (found instanceof Error) return refuse(found.message, occasion);
		accept(found, occasion);
		if (occasion === "again") return;
		const exposed = await exposedFiles([
			{ what: "private key", file: privateKeyFile },
			{ what: "passphrase file", file: passphraseFile },
		]);
		if (!isStopped) for (const line of exposed) log.warning(line);
	};

	const look = async () => {
		const { version, irregular } = await lookAt(paths);
		const isQuiet = version === seen;
		seen = version;
		if (!isQuiet) return;
		// a problem may end without a change of the files, for example if too many files were open
		if (version === read && isSettled && problem === undefined) return;
		const found = await load(irregular);
		if ((await lookAt(paths)).version !== version) return;
		const occasion = version === read ? "again" : "changed";
		read = version;
		isSettled = true;
		await conclude(found, occasion);
	};

	const reload = async () => {
		const { version, irregular } = await lookAt(paths);
		read = version;
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
			// repeat the expiry warning daily, as the one at startup has long been forgotten
			if (!isStopped && dayOf(now()) !== warnedOn) warn();
		},
		intervalMilliseconds,
		timers,
	});
	return {
		current: () => pair,
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

function isSamePair(one: KeyPair, other: KeyPair) {
	return (
		one.certificate.equals(other.certificate) &&
		one.privateKey.equals(other.privateKey)
	);
}

function describe({ subject, validTo, fingerprint256 }: KeyPair) {
	return `${subject}, expires on ${validTo.toISOString()}, SHA-256 ${fingerprint256}`;
}

/** Days since 1970 in UTC. */
function dayOf(milliseconds: number) {
	return Math.floor(milliseconds / 86_400_000);
}
