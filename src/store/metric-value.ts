import { setImmediate as nextTurn } from "node:timers/promises";
import type { components } from "../../generated/schema.ts";
import { strictJson } from "../strict-json.ts";
import { decodeGobMetrics } from "./gob.ts";

export type Sample = components["schemas"]["StoredSample"];

// the original's values begin with these two bytes, JSON never does
const gobStart = Buffer.from([0x0d, 0xff]);

/** Bytes of JSON in one value: small enough to be taken in small parts. */
const valueBytes = 256 * 1024;

/** Bytes of JSON written before other work has its turn. */
const turnBytes = 1024 * 1024;

/** Samples and metrics that are made JSON at once: less CPU than sample by sample. */
const metricsAtOnce = 400;

/** Samples in lists that are small, even when a sample has many metrics. */
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

/** Samples as values of the store, JSON lists of a bounded size, in order. */
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

/** Samples of a value, ours or the original's. Throws when it is neither. */
export function decodeSamples(value: Buffer): Sample[] {
	if (value.subarray(0, 2).equals(gobStart)) return decodeGobMetrics(value);
	const samples: unknown = JSON.parse(value.toString("utf8"));
	if (!Array.isArray(samples)) throw new Error("not a list of samples");
	// nothing but the contract's fields, whatever an earlier version has stored
	return (samples as Sample[]).map(({ hostname, timestamp, metrics }) => ({
		hostname,
		timestamp,
		metrics,
	}));
}
