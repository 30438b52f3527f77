import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import snappy from "snappyjs";
import {
	labelField,
	putVarint,
} from "../../../../../cli/collector/write/label.ts";
import {
	labelTexts,
	requestOf,
	sentSamples,
} from "../../../../../cli/collector/write/sent-series.ts";
import { WriteRequest } from "../../../../../cli/collector/write/write-request.ts";

/** A series: its name and labels by number, and its samples. */
interface Series {
	name: number;
	labels: number;
	samples: { value: number; time: number }[];
}

const texts = ["a", "b".repeat(70), "ç".repeat(300), "𝄞", "x".repeat(60)];

const series: fc.Arbitrary<Series> = fc.record({
	name: fc.nat(20),
	labels: fc.nat(3),
	samples: fc.array(
		fc.record({
			value: fc.oneof(fc.double(), fc.constantFrom(0, -0, 1.5)),
			time: fc.oneof(
				fc.constantFrom(0, 127, 128, 1_796_000_000_000, 1_796_000_000_001),
				fc.maxSafeNat(),
			),
		}),
		{ minLength: 1, maxLength: 4 },
	),
});

const varint = (value: number) => {
	const bytes = new Uint8Array(10);
	return bytes.subarray(0, putVarint(bytes, 0, value));
};

/** Encodes without compression, a message after the other. */
function plainly(
	all: readonly Series[],
	names: Uint8Array[],
	labels: Uint8Array[],
) {
	const field = (tag: number, bytes: Uint8Array) =>
		Buffer.concat([Buffer.from([tag]), varint(bytes.length), bytes]);
	return Buffer.concat(
		all.map(({ name, labels: set, samples }) =>
			field(
				0x0a,
				Buffer.concat([
					names[name] as Uint8Array,
					labels[set] as Uint8Array,
					...samples.map(({ value, time }) => {
						const number = Buffer.alloc(8);
						number.writeDoubleLE(value);
						return field(
							0x12,
							Buffer.concat([
								Buffer.from([0x09]),
								number,
								Buffer.from([0x10]),
								varint(time),
							]),
						);
					}),
				]),
			),
		),
	);
}

test("a request unpacks to the messages of its series, whatever repeats", () => {
	const request = new WriteRequest();
	const names = Array.from({ length: 21 }, (_, n) => ({
		label: labelField("__name__", `${texts[n % texts.length]}${n}`),
		request: 0,
		at: 0,
	}));
	const labels = Array.from({ length: 4 }, (_, n) =>
		n === 0
			? new Uint8Array(0)
			: Buffer.concat([
					labelField("instance", texts[n] ?? ""),
					labelField("l", `${n}`),
				]),
	);
	fc.assert(
		fc.property(fc.array(series, { maxLength: 60 }), (all) => {
			for (const { name, labels: set, samples } of all)
				request.add(
					names[name] as (typeof names)[number],
					labels[set] as Uint8Array,
					0,
					Int32Array.from(samples, (_, at) =>
						at + 1 < samples.length ? at + 1 : -1,
					),
					Float64Array.from(samples, ({ value }) => value),
					Float64Array.from(samples, ({ time }) => time),
				);
			const plain = plainly(
				all,
				names.map(({ label }) => label),
				labels,
			);
			assert.equal(request.length, plain.length);
			assert.equal(
				request.samples,
				all.flatMap(({ samples }) => samples).length,
			);
			const body = request.take();
			assert.deepEqual(Buffer.from(snappy.uncompress(body)), plain);
			assert.equal(request.length, 0);
			// and back again
			const sent = sentSamples(body);
			assert.deepEqual(
				sent.map(({ value, time }) => [value, time]),
				all.flatMap(({ samples }) =>
					samples.map(({ value, time }) => [value, time]),
				),
			);
			if (sent.length > 0)
				assert.equal(
					labelTexts(sent[0]?.labels ?? (labels[0] as Uint8Array)).__name__,
					`${texts[(all[0]?.name ?? 0) % texts.length]}${all[0]?.name}`,
				);
		}),
		{ numRuns: 300 },
	);
});

test("far back, long labels, and what was taken apart is put together in order of time", () => {
	const request = new WriteRequest();
	const long = labelField("l", "v".repeat(16_000));
	const names = Array.from({ length: 3_000 }, (_, n) => ({
		label: labelField("__name__", `metric_${n}`),
		request: 0,
		at: 0,
	}));
	const one = [
		0,
		Int32Array.of(-1),
		Float64Array.of(1),
		Float64Array.of(1_796_000_000_000),
	] as const;
	for (let pass = 0; pass < 3; pass++)
		for (const name of names) request.add(name, long, ...one);
	const { length, size } = request;
	const body = request.take();
	assert.equal(snappy.uncompress(body).length, length);
	assert.ok(size < length / 15, `${size} of ${length}`);
	assert.equal(sentSamples(body).length, 9_000);
	const labels = labelField("__name__", "a");
	const sample = (series: number, time: number) => ({
		series,
		labels,
		value: time,
		time,
	});
	const again = sentSamples(
		requestOf([sample(1, 5), sample(0, 9), sample(0, 2)]),
	);
	assert.deepEqual(
		again.map(({ series, time }) => [series, time]),
		[
			[0, 2],
			[0, 9],
			[1, 5],
		],
	);
});
