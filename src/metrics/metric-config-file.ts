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

/** Parsing takes about one second per MiB and blocks the event loop. */
const maxBytes = 1024 * 1024;

const maxLoggedWarnings = 20;

/** A file changed more recently than this can change again without a change of its timestamps. */
const settledMilliseconds = 2000;

export interface MetricConfigFile {
	/** The last valid version, which is in force; empty until there is one. */
	current(): MetricConfig;
	status(): components["schemas"]["MetricConfigStatus"];
	/**
	 * Reads the file again if it has changed. Never throws: an invalid, missing or hanging file is
	 * reported in the status and once in the log, and the last valid version stays in force. To
	 * collect nothing, empty the file.
	 */
	refresh(): Promise<void>;
	/**
	 * Writes the file with replaceFile, or overwriteFile if it cannot be replaced, and puts the
	 * configuration in force.
	 * @throws MetricConfigError if it could not be read back
	 * @throws the system's error if the file cannot be written; nothing has changed then
	 * @throws FileHangs if the file system does not answer; a write in progress may still complete
	 * later
	 */
	replace(config: MetricConfig): Promise<void>;
}

/**
 * The metrics configuration file. The first refresh() reads it.
 * @param parts.copies path prefix of the copies kept while a file is overwritten in place
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

	// a refresh must not run between writing a new file and putting it in force
	const inOrder = createFileTurn({ files: [file], look, lateMilliseconds });
	let isRestored = false;

	/** Runs once before the file is first accessed: undoes an update that a crash interrupted. */
	const restore = async () => {
		if (isRestored) return;
		isRestored = true;
		try {
			if (await restoreTorn(file, copies))
				log.warning(
					`${file}: an update was interrupted, the previous version is restored`,
				);
		} catch (cause) {
			log.error(
				`${file}: an interrupted update cannot be undone: ${systemReason(cause)}; the previous version is ${copies}.previous`,
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
				// the file does not exist and cannot be created: report the first error
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
						: `${why}; the previous version is ${copies}.previous`,
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
		// a file changed just now may be incomplete: read it again next time
		seen = isSettled(found, now()) ? version : undefined;
		if (text === read?.text) {
			if (read.problem) throw read.problem;
			// at the level of the error that it ends
			if (error !== null) log.warning(`${file}: usable again, unchanged`);
			error = null;
			return;
		}
		try {
			const odd: string[] = [];
			const next = parseMetricConfig(text, file, (line) => odd.push(line));
			read = { text };
			const say = error === null ? log.info : log.warning;
			if (readAt !== null) say(`${file}: has changed, now in use`);
			for (const line of odd.slice(0, maxLoggedWarnings)) log.warning(line);
			if (odd.length > maxLoggedWarnings)
				log.warning(
					`${file}: and ${odd.length - maxLoggedWarnings} more warnings`,
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
				// read the file as soon as its file system answers, or the error would stay
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
				if (Buffer.byteLength(text) > maxBytes)
					throw new MetricConfigError(`larger than ${maxBytes} bytes`);
				await write(text);
				read = { text };
				seen = undefined;
				use(next);
				log.info(`${file}: replaced, now in use`);
			}),
	};
}

async function readText(file: string, found: BigIntStats) {
	// reading a pipe might never end
	if (!found.isFile())
		throw new MetricConfigError(`${file}: not a regular file`);
	if (found.size > maxBytes)
		throw new MetricConfigError(`${file}: larger than ${maxBytes} bytes`);
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
