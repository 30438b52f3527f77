import type { Sample } from "../src/client/index.ts";
import { type BadLine, parseSensuLine } from "../src/metrics/sensu.ts";

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
	/** Lines so far; those that are not blank, and those that are figures. */
	counts(): { lines: number; texts: number; metrics: number };
}

/** Characters of a line, and bounds of one request: 5,000 figures, a million characters of names. */
export const longestLine = 65_536;
const mostMetrics = 5_000;
const mostCharacters = 1_000_000;

interface Open {
	/** The latest of its lines, never below 0. */
	timestamp: number;
	metrics: Map<string, number>;
}

const emptySample = (): Open => ({ timestamp: 0, metrics: new Map() });

// Object.fromEntries makes own keys of all names, `__proto__` too
const closed = (hostname: string, { timestamp, metrics }: Open): Sample => ({
	...{ hostname, timestamp },
	metrics: Object.fromEntries(metrics),
});

/** What is wrong with a line besides what the parser finds: an agent would refuse the whole request. */
function refused(text: string): string | undefined {
	if (text.length > longestLine)
		return `the line is longer than ${longestLine} characters`;
	return text.includes("\0") ? "the line has a NUL character" : undefined;
}

/**
 * Makes samples of sensu lines, `name value timestamp`, as the original does: one
 * with the latest timestamp. Where a name comes again a new sample begins, so that
 * no figure takes the place of another (in the original the last one stayed). Lines
 * without three fields are free text and left out; bad ones go to `onBad`.
 */
export function createSampleBatches(
	hostname: string,
	onBad: (bad: BadLine) => void,
): SampleBatches {
	let line = 0;
	let texts = 0;
	let total = 0;
	let done: Sample[] = [];
	let open = emptySample();
	let metrics = 0;
	let characters = 0;
	let firstLine = 1;
	const take = (lastLine: number): Batch => {
		const isEmpty = open.metrics.size === 0 && done.length > 0;
		const samples = isEmpty ? done : [...done, closed(hostname, open)];
		const batch = { samples, metrics, firstLine, lastLine };
		done = [];
		open = emptySample();
		metrics = 0;
		characters = 0;
		firstLine = lastLine + 1;
		return batch;
	};
	return {
		add: (text) => {
			line++;
			if (text.trim() !== "") texts++;
			const reason = refused(text);
			const read = reason === undefined ? parseSensuLine(text) : { reason };
			if (!read) return undefined;
			if ("reason" in read) {
				onBad({ line, text: text.replace(/\r$/, ""), reason: read.reason });
				return undefined;
			}
			const { name, value, timestamp } = read;
			const isFull =
				metrics === mostMetrics ||
				(metrics > 0 && characters + name.length > mostCharacters);
			const batch = isFull ? take(line - 1) : undefined;
			if (open.metrics.has(name)) {
				done.push(closed(hostname, open));
				open = emptySample();
			}
			open.metrics.set(name, value);
			open.timestamp = Math.max(open.timestamp, timestamp);
			metrics++;
			total++;
			characters += name.length;
			return batch;
		},
		rest: () => take(line),
		counts: () => ({ lines: line, texts, metrics: total }),
	};
}
