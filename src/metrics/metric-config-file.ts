import { isUtf8 } from "node:buffer";
import type { BigIntStats } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import type { components } from "../../generated/schema.ts";
import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import { createFileTurn, FileHangs, fileVersion } from "../polled-files.ts";
import {
	checkMetricConfig,
	formatMetricConfig,
	type MetricConfig,
	MetricConfigError,
	parseMetricConfig,
} from "../protocol/metric-config.ts";
import { systemReason } from "../system-error.ts";
import {
	isIrreplaceable,
	type OverwriteSteps,
	overwriteFile,
	restoreTorn,
} from "./overwritten-file.ts";
import { replaceFile } from "./replaced-file.ts";

/** Parsing takes about a second a mebibyte, in which nothing else runs. */
const mostBytes = 1024 * 1024;

const mostLoggedWarnings = 20;

/** A file written a moment ago can be written again without a trace in its times. */
const settledMilliseconds = 2000;

export interface MetricConfigFile {
	/** The last good version, which is the one in force; no metrics before there was any. */
	current(): MetricConfig;
	status(): components["schemas"]["MetricConfigStatus"];
	/**
	 * Reads the file again if it has changed. Never throws: what cannot be used, a file that has gone or that hangs too, is
	 * reported in the status and once in the log, while the last good version stays in force. To collect nothing, empty the
	 * file.
	 */
	refresh(): Promise<void>;
	/**
	 * Writes the file, see replaceFile and, where it cannot be replaced, overwriteFile, and puts the configuration in force.
	 * @throws MetricConfigError for one that could not be read again
	 * @throws the system's error when the file cannot be written; nothing has changed then
	 * @throws FileHangs when its file system does not answer; a write that had begun may still be done when it does
	 */
	replace(config: MetricConfig): Promise<void>;
}

/**
 * The file that says what is collected; read for the first time by the first refresh().
 * @param parts.copies where copies go while a file is written that cannot be replaced: path and beginning of their names
 * @param parts.look see createFileTurn
 * @param parts.now wall clock in milliseconds
 */
export function createMetricConfigFile({
	file,
	copies,
	look,
	log,
	now,
	lateMilliseconds,
	replace = replaceFile,
	overwriteSteps,
}: {
	file: string;
	copies: string;
	look: (file: string) => Promise<unknown>;
	lateMilliseconds?: number;
	replace?: typeof replaceFile;
	overwriteSteps?: OverwriteSteps;
	log: Pick<Log, "info" | "warning" | "error">;
	now: () => number;
}): MetricConfigFile {
	const repeats = createLogRepeats({ log });
	let config: MetricConfig = { metrics: [] };
	let readAt: number | null = null;
	let error: string | null = null;
	let warnings: readonly string[] = [];
	let seen: string | undefined;
	let read: { text: string; problem?: unknown } | undefined;

	// a refresh must not read between the writing and the use of a new file
	const inOrder = createFileTurn({ files: [file], look, lateMilliseconds });
	let isRestored = false;

	/** Once, before anything else looks at the file: what a crash has torn is undone. */
	const restore = async () => {
		if (isRestored) return;
		isRestored = true;
		try {
			if (await restoreTorn(file, copies))
				log.warning(
					`${file}: an update was interrupted, the version before it is restored`,
				);
		} catch (cause) {
			log.error(
				`${file}: an interrupted update cannot be undone: ${systemReason(cause)}; the version before it is ${copies}.previous`,
			);
		}
	};
	const exclusive = <T>(work: () => Promise<T>) =>
		inOrder(async () => {
			await restore();
			return work();
		});

	const write = async (text: string) => {
		try {
			const notKept = await replace(file, text);
			if (notKept)
				log.warning(`${file}: no previous version kept: ${notKept.message}`);
		} catch (cause) {
			if (!isIrreplaceable(cause)) throw cause;
			const notKept = await overwriteFile(
				file,
				text,
				copies,
				overwriteSteps,
			).catch((error) => {
				// there is no such file yet, and none can be made
				throw (error as NodeJS.ErrnoException).code === "ENOENT"
					? cause
					: error;
			});
			const why = `${file}: cannot be replaced (${systemReason(cause)}), written in place`;
			repeats.wrong(file, {
				kind: `${why} ${notKept?.message}`,
				level: "warning",
				lines: [
					notKept
						? `${why} without a copy: ${notKept.message}`
						: `${why}; the version before it is ${copies}.previous`,
				],
			});
		}
	};

	const use = (next: MetricConfig, odd: readonly string[] = []) => {
		config = next;
		warnings = odd;
		readAt = Math.floor(now() / 1000);
		error = null;
	};

	const refresh = async () => {
		const found = await stat(file, { bigint: true }).catch((problem) => {
			seen = undefined;
			throw problem;
		});
		const version = fileVersion(found);
		if (version === seen) return;
		seen = undefined;
		const text = await readText(file, found);
		// half written files, too, are looked at again
		seen = isSettled(found, now()) ? version : undefined;
		if (text === read?.text) {
			if (read.problem) throw read.problem;
			// as visible as the trouble was
			if (error !== null) log.warning(`${file}: usable again, unchanged`);
			error = null;
			return;
		}
		try {
			const odd: string[] = [];
			const next = parseMetricConfig(text, file, (line) => odd.push(line));
			read = { text };
			const say = error === null ? log.info : log.warning;
			if (readAt !== null) say(`${file}: has changed, in force from now`);
			for (const line of odd.slice(0, mostLoggedWarnings)) log.warning(line);
			if (odd.length > mostLoggedWarnings)
				log.warning(
					`${file}: and ${odd.length - mostLoggedWarnings} more warnings`,
				);
			use(next, odd);
		} catch (problem) {
			read = { text, problem };
			throw problem;
		}
	};

	return {
		current: () => config,
		status: () => ({
			file,
			read_at: readAt,
			error,
			warnings: [...warnings],
			config,
		}),
		refresh: async () => {
			try {
				await exclusive(refresh);
			} catch (cause) {
				// to be read when it answers again, or the error would stay
				if (cause instanceof FileHangs) seen = undefined;
				const reason = explain(file, cause);
				if (reason === error) return;
				error = reason;
				log.error(
					readAt === null ? reason : `${reason}; the last good version stays`,
				);
			}
		},
		replace: (given) =>
			exclusive(async () => {
				const next = checkMetricConfig(given);
				const text = formatMetricConfig(next);
				if (Buffer.byteLength(text) > mostBytes)
					throw new MetricConfigError(`larger than ${mostBytes} bytes`);
				await write(text);
				read = { text };
				seen = undefined;
				use(next);
				log.info(`${file}: replaced, in force from now`);
			}),
	};
}

async function readText(file: string, found: BigIntStats) {
	// reading from a pipe might never end
	if (!found.isFile())
		throw new MetricConfigError(`${file}: not a regular file`);
	if (found.size > mostBytes)
		throw new MetricConfigError(`${file}: larger than ${mostBytes} bytes`);
	const bytes = await readFile(file);
	if (isUtf8(bytes)) return bytes.toString();
	const lines = bytes.toString("latin1").split("\n");
	const bad = lines.findIndex((line) => !isUtf8(Buffer.from(line, "latin1")));
	throw new MetricConfigError(`${file} line ${bad + 1}: not UTF-8`);
}

function isSettled({ ctimeMs }: BigIntStats, now: number) {
	return now - Number(ctimeMs) > settledMilliseconds;
}

function explain(file: string, cause: unknown) {
	if (cause instanceof MetricConfigError) return cause.message;
	const { code, message } = cause as NodeJS.ErrnoException;
	if (code === "ENOENT") return `${file}: does not exist`;
	return `${file}: cannot be read: ${code ?? message}`;
}
