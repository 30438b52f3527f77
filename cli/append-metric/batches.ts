import type { Readable } from "node:stream";
import type { Sample } from "../../src/client/index.ts";
import {
	type BadLine,
	createSensuSamples,
	parseSensuLine,
} from "../../src/protocol/sensu.ts";

/** What goes into one request. */
export interface Batch {
	samples: Sample[];
	/** Figures in the samples. */
	metrics: number;
	/** Lines it was made from, counted from 1. */
	firstLine: number;
	lastLine: number;
}

/** Where lines are collected to batches. */
export interface SampleBatches {
	/** Reads a line; gives the batch that was full before it. */
	add(text: string): Batch | undefined;
	/** What is left at the end; without a figure if there was none since the last batch. */
	rest(): Batch;
	/** Lines so far; those that are neither blank nor comments; figures. */
	counts(): { lines: number; texts: number; metrics: number };
}

/** Bounds of one request: 5,000 figures, a million characters of names. */
const mostMetrics = 5_000;
const mostCharacters = 1_000_000;

/**
 * Makes samples of Sensu lines, `name value timestamp`: in each batch one for each
 * distinct time, in the order of time. Of one name at one time the last line stays.
 * Lines without three fields are free text and left out; bad ones go to `onBad`.
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
				metrics === mostMetrics ||
				(metrics > 0 && characters + read.name.length > mostCharacters);
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
 * The lines of a text as they arrive, some at a time, without their ends. Bytes
 * that are no UTF-8 become U+FFFD. Of a line that is longer than `longest`
 * characters one more is kept and the rest is dropped, so that memory is
 * bounded whatever comes. Throws what the stream fails with.
 */
export async function* textLines(
	stream: Readable,
	longest: number,
): AsyncGenerator<string[]> {
	const cut = (line: string) =>
		line.length > longest ? line.slice(0, longest + 1) : line;
	let rest = "";
	for await (const chunk of stream.setEncoding("utf8")) {
		const lines = (rest + chunk).split("\n");
		rest = cut(lines.pop() ?? "");
		if (lines.length > 0) yield lines.map(cut);
	}
	if (rest !== "") yield [rest];
}
