import { isUtf8 } from "node:buffer";
import type { BigIntStats } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import type { components } from "../../generated/schema.ts";
import { fileVersion } from "../file-version.ts";
import type { Log } from "../log.ts";
import { inTurn } from "../turn.ts";
import {
	checkMetricConfig,
	formatMetricConfig,
	type MetricConfig,
	MetricConfigError,
	parseMetricConfig,
} from "./metric-config.ts";
import { replaceFile } from "./replaced-file.ts";

/** Parsing takes about a second a mebibyte, in which nothing else runs. */
const mostBytes = 1024 * 1024;

/** A file written a moment ago can be written again without a trace in its times. */
const settledMilliseconds = 2000;

export interface MetricConfigFile {
	/** The last good version, which is the one in force; no metrics before there was any. */
	current(): MetricConfig;
	status(): components["schemas"]["MetricConfigStatus"];
	/**
	 * Reads the file again if it has changed. Never throws: what cannot be used, a file that has gone too, is reported in
	 * the status and once in the log, while the last good version stays in force. To collect nothing, empty the file.
	 */
	refresh(): Promise<void>;
	/**
	 * Writes the file, see replaceFile, and puts the configuration in force.
	 * @throws MetricConfigError for one that could not be read again
	 * @throws the system's error when the file cannot be written; nothing has changed then
	 */
	replace(config: MetricConfig): Promise<void>;
}

/**
 * The file that says what is collected; read for the first time by the first refresh().
 * @param parts.now wall clock in milliseconds
 */
export function createMetricConfigFile({
	file,
	log,
	now,
}: {
	file: string;
	log: Pick<Log, "info" | "warning" | "error">;
	now: () => number;
}): MetricConfigFile {
	let config: MetricConfig = { metrics: [] };
	let readAt: number | null = null;
	let error: string | null = null;
	let seen: string | undefined;
	let read: { text: string; problem?: unknown } | undefined;

	// a refresh must not read between the writing and the use of a new file
	const exclusive = inTurn();

	const use = (next: MetricConfig) => {
		config = next;
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
			if (error !== null) log.info(`${file}: usable again, unchanged`);
			error = null;
			return;
		}
		try {
			const next = parseMetricConfig(text, file);
			read = { text };
			if (readAt !== null) log.info(`${file}: has changed, in force from now`);
			use(next);
		} catch (problem) {
			read = { text, problem };
			throw problem;
		}
	};

	return {
		current: () => config,
		status: () => ({ file, read_at: readAt, error, config }),
		refresh: () =>
			exclusive(async () => {
				try {
					await refresh();
				} catch (cause) {
					const reason = explain(file, cause);
					if (reason === error) return;
					error = reason;
					log.error(
						readAt === null ? reason : `${reason}; the last good version stays`,
					);
				}
			}),
		replace: (given) =>
			exclusive(async () => {
				const next = checkMetricConfig(given);
				const text = formatMetricConfig(next);
				if (Buffer.byteLength(text) > mostBytes)
					throw new MetricConfigError(`larger than ${mostBytes} bytes`);
				const notKept = await replaceFile(file, text);
				if (notKept)
					log.warning(`${file}: no previous version kept: ${notKept.message}`);
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
