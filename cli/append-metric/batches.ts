import type { Readable } from "node:stream";
import type { Sample } from "../../src/client/index.ts";
import {
	type BadLine,
	createSensuSamples,
	parseSensuLine,
} from "../../src/protocol/sensu.ts";

/** The samples of one request. */
export interface Batch {
	samples: Sample[];
	/** Number of metrics in the samples. */
	metrics: number;
	/** First and last line of the input that it was made from, counted from 1. */
	firstLine: number;
	lastLine: number;
}

/** Collects lines into batches. */
export interface SampleBatches {
	/** Adds a line. Returns the batch before it if that is full. */
	add(text: string): Batch | undefined;
	/** Returns the last batch, which may have no metrics. */
	rest(): Batch;
	/** Lines so far; those that are neither blank nor comments (`texts`); metrics. */
	counts(): { lines: number; texts: number; metrics: number };
}

/** Limits of one request: metrics, and characters of their names. */
const maxMetrics = 5_000;
const maxNameCharacters = 1_000_000;

/**
 * Makes samples from Sensu lines, `name value timestamp`. A batch has one sample for each
 * timestamp, sorted by time. If a name occurs twice with the same timestamp, the last line wins.
 * Lines that do not have three fields are free text and ignored; bad lines go to `onBad`.
 * @param latest see latestTimestamp
 */
export function createSampleBatches(
	hostname: string,
	latest: number,
	onBad: (bad: BadLine) => void,
): SampleBatches {
	let line = 0;
	let texts = 0;
	let total = 0;
	let open = createSensuSamples();
	let metrics = 0;
	let characters = 0;
	let firstLine = 1;
	const take = (lastLine: number): Batch => {
		const list = metrics > 0 ? open.list() : [{ timestamp: 0, metrics: {} }];
		const samples = list.map((sample) => ({ hostname, ...sample }));
		const batch = { samples, metrics, firstLine, lastLine };
		open = createSensuSamples();
		metrics = 0;
		characters = 0;
		firstLine = lastLine + 1;
		return batch;
	};
	return {
		add: (text) => {
			line++;
			const read = parseSensuLine(text, latest);
			if (!read) return undefined;
			texts++;
			if ("reason" in read) {
				const { reason, isUnknown } = read;
				if (!isUnknown) onBad({ line, text: text.replace(/\r$/, ""), reason });
				return undefined;
			}
			const isFull =
				metrics === maxMetrics ||
				(metrics > 0 && characters + read.name.length > maxNameCharacters);
			const batch = isFull ? take(line - 1) : undefined;
			characters += read.name.length;
			if (open.add(read)) {
				metrics++;
				total++;
			}
			return batch;
		},
		rest: () => take(line),
		counts: () => ({ lines: line, texts, metrics: total }),
	};
}

/**
 * Yields the lines of a stream as they arrive, several at a time, without line ends. Bytes that are
 * not UTF-8 become U+FFFD. To limit memory, a line of more than `maxCharacters` is cut to one
 * character more than that. Throws the error of the stream.
 */
export async function* textLines(
	stream: Readable,
	maxCharacters: number,
): AsyncGenerator<string[]> {
	const cut = (line: string) =>
		line.length > maxCharacters ? line.slice(0, maxCharacters + 1) : line;
	let rest = "";
	for await (const chunk of stream.setEncoding("utf8")) {
		const lines = (rest + chunk).split("\n");
		rest = cut(lines.pop() ?? "");
		if (lines.length > 0) yield lines.map(cut);
	}
	if (rest !== "") yield [rest];
}
