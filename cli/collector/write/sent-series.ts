import snappy from "snappyjs";
import { WriteRequest } from "./write-request.ts";

/** One sample of a request that the store has refused. */
export interface SentSample {
	/** Its series: index in the request, counted from 0. */
	series: number;
	/** The encoded labels of the series. */
	labels: Uint8Array;
	value: number;
	/** Milliseconds since 1970. */
	time: number;
}

/** Reads a varint at `at`: its value and the position behind it. */
function varint(bytes: Uint8Array, at: number): [number, number] {
	let value = 0;
	let next = at;
	for (let factor = 1; ; factor *= 128) {
		const byte = bytes[next++] ?? 0;
		value += (byte & 127) * factor;
		if (byte < 128) return [value, next];
	}
}

/** The fields of length-delimited type, with their numbers. */
function* fields(
	bytes: Uint8Array,
): Generator<{ number: number; from: number; field: Uint8Array }> {
	for (let at = 0; at < bytes.length; ) {
		const from = at;
		const tag = bytes[at] ?? 0;
		const [length, begin] = varint(bytes, at + 1);
		at = begin + length;
		yield { number: tag >> 3, from, field: bytes.subarray(begin, at) };
	}
}

/** The samples of a compressed request of ours, in its order. */
export function sentSamples(body: Uint8Array): SentSample[] {
	const found: SentSample[] = [];
	let series = 0;
	for (const { field: one } of fields(snappy.uncompress(body))) {
		let labels: Uint8Array | undefined;
		for (const { number, from, field } of fields(one)) {
			if (number !== 2) continue;
			labels ??= one.subarray(0, from);
			const view = new DataView(field.buffer, field.byteOffset);
			const value = view.getFloat64(1, true);
			found.push({ series, labels, value, time: varint(field, 10)[0] });
		}
		series++;
	}
	return found;
}

/** The labels of a series as texts. */
export function labelTexts(labels: Uint8Array): Record<string, string> {
	const list: [string, string][] = [];
	for (const { field } of fields(labels)) {
		const [name = "", value = ""] = [...fields(field)].map(({ field: text }) =>
			Buffer.from(text).toString(),
		);
		list.push([name, value]);
	}
	return Object.fromEntries(list);
}

const nothing = new Uint8Array(0);

/** A compressed request of these samples; those of a series become one again, in order of time. */
export function requestOf(samples: readonly SentSample[]): Uint8Array {
	const ordered = samples.toSorted(
		(one, other) => one.series - other.series || one.time - other.time,
	);
	const next = Int32Array.from(ordered, ({ series }, index) =>
		ordered[index + 1]?.series === series ? index + 1 : -1,
	);
	const values = Float64Array.from(ordered, ({ value }) => value);
	const times = Float64Array.from(ordered, ({ time }) => time);
	const request = new WriteRequest();
	for (const [index, { series, labels }] of ordered.entries())
		if (ordered[index - 1]?.series !== series)
			request.add(
				{ label: labels, request: 0, at: 0 },
				...([nothing, index, next, values, times] as const),
			);
	return request.take();
}
