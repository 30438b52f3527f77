import { setImmediate as nextTurn } from "node:timers/promises";
import type { components } from "../../generated/schema.ts";
import { strictJson } from "../strict-json.ts";
import { decodeGobMetrics } from "./gob.ts";

export type Sample = components["schemas"]["StoredSample"];

// v1's values begin with these two bytes, JSON never does
const gobStart = Buffer.from([0x0d, 0xff]);

/** Maximum bytes of JSON in one value, so that drains can take small batches. */
const valueBytes = 256 * 1024;

/** Bytes of JSON to encode before yielding to the event loop. */
const turnBytes = 1024 * 1024;

/** Samples and metrics to stringify in one call, which costs less CPU than one call per sample. */
const metricsAtOnce = 400;

/** Splits samples into slices with a bounded number of metrics. */
function* slicesOf(samples: readonly Sample[]): Generator<Sample[]> {
	let slice: Sample[] = [];
	let metrics = 0;
	for (const sample of samples) {
		slice.push(sample);
		metrics += Object.keys(sample.metrics ?? {}).length + 1;
		if (metrics < metricsAtOnce) continue;
		yield slice;
		slice = [];
		metrics = 0;
	}
	if (slice.length > 0) yield slice;
}

/**
 * Encodes samples as values for the store: JSON arrays of bounded size, in order. Yields to the
 * event loop.
 */
export async function encodeSamples(
	samples: readonly Sample[],
): Promise<string[]> {
	const values: string[] = [];
	let part: string[] = [];
	let bytes = 0;
	let sinceTurn = 0;
	const finish = () => {
		if (part.length > 0) values.push(`[${part.join(",")}]`);
		part = [];
		bytes = 0;
	};
	for (const slice of slicesOf(samples)) {
		const text = strictJson(slice).slice(1, -1);
		if (bytes + text.length > valueBytes) finish();
		part.push(text);
		bytes += text.length;
		sinceTurn += text.length;
		if (sinceTurn < turnBytes) continue;
		sinceTurn = 0;
		await nextTurn();
	}
	finish();
	return values;
}

/** Decodes a value, ours or v1's. Throws if it is neither. */
export function decodeSamples(value: Buffer): Sample[] {
	if (value.subarray(0, 2).equals(gobStart)) return decodeGobMetrics(value);
	const samples: unknown = JSON.parse(value.toString("utf8"));
	if (!Array.isArray(samples)) throw new Error("not a list of samples");
	// only the contract's fields: an earlier version may have stored more
	return (samples as Sample[]).map(({ hostname, timestamp, metrics }) => ({
		hostname,
		timestamp,
		metrics,
	}));
}

/**
 * Samples as JSON, as an answer has them: each part is an array in UTF-8 with at least one sample. As
 * objects, a large batch would take five times as much memory.
 */
export type EncodedSamples = readonly Buffer[];

/** Converts a value, ours or v1's; undefined if it has no samples. Throws if it is neither. */
export function encodedSamples(value: Buffer): Buffer | undefined {
	const samples = decodeSamples(value);
	return samples.length === 0 ? undefined : Buffer.from(strictJson(samples));
}
