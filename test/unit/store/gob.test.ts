import assert from "node:assert/strict";
import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { openDatabase } from "../../../src/store/database.ts";
import {
	decodeGobMetrics,
	GobError,
	type GobMetrics,
} from "../../../src/store/gob.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const expected = JSON.parse(
	await readFile("test/fixtures/original-db.expected.json", "utf8"),
) as { metric: { metric_data: GobMetrics[] } };

/** The values of the database that v1 wrote, in its order. */
async function realValues(t: TestContext): Promise<Buffer[]> {
	const directory = join(await temporaryDirectory(t), "db");
	await cp("test/fixtures/original-db", directory, { recursive: true });
	const log = { info() {}, warning() {}, error() {} };
	const database = await openDatabase({ directory, log });
	const values: Buffer[] = [];
	for await (const { value } of database.rows({ from: "m-", before: "m." }))
		values.push(value);
	await database.close();
	return values;
}

const unsigned = (value: bigint): number[] => {
	if (value < 0x80n) return [Number(value)];
	const bytes: number[] = [];
	for (let left = value; left > 0n; left >>= 8n)
		bytes.unshift(Number(left & 0xffn));
	return [256 - bytes.length, ...bytes];
};
const signed = (value: number | bigint): number[] => {
	const big = BigInt(value);
	return unsigned(big < 0n ? (~big << 1n) | 1n : big << 1n);
};
const count = (value: number) => unsigned(BigInt(value));
const string = (value: string): number[] => {
	const bytes = Buffer.from(value);
	return [...count(bytes.length), ...bytes];
};
const float = (value: number): number[] => {
	const view = new DataView(new ArrayBuffer(8));
	view.setFloat64(0, value);
	return unsigned(view.getBigUint64(0, true));
};
const message = (...bytes: number[]) => [...count(bytes.length), ...bytes];

/** Gob of a slice (66) of a struct (65) with a map (67). */
const field = (name: string, type: number) => [
	...[1, ...string(name)],
	...[1, ...signed(type), 0],
];
const common = (id: number) => [1, 2, ...signed(id), 0];
const slice = (element = 65) =>
	message(...signed(-66), 2, ...common(66), 1, ...signed(element), 0, 0);
const struct = (...fields: number[][]) =>
	message(
		...[...signed(-65), 3, ...common(65)],
		...[1, ...count(fields.length), ...fields.flat(), 0, 0],
	);
const ours = () =>
	struct(field("HostName", 6), field("Timestamp", 2), field("Metrics", 67));
const map = (key = 6, element = 4) =>
	message(
		...[...signed(-67), 4, ...common(67)],
		...[1, ...signed(key), 1, ...signed(element), 0, 0],
	);

/** Gob omits fields with Go's zero value; `step` counts them. */
function encodeOne(of: GobMetrics): number[] {
	const bytes: number[] = [];
	let step = 1;
	const put = (there: boolean, value: () => number[]) => {
		if (!there) step++;
		else {
			bytes.push(step, ...value());
			step = 1;
		}
	};
	put(of.hostname !== "", () => string(of.hostname));
	put(of.timestamp !== 0, () => signed(of.timestamp));
	put(of.metrics !== null, () => {
		const entries = Object.entries(of.metrics ?? {});
		const each = entries.flatMap(([k, v]) => [...string(k), ...float(v)]);
		return [...count(entries.length), ...each];
	});
	return [...bytes, 0];
}

const value = (...bytes: number[]) => message(...signed(66), 0, ...bytes);
const encode = (all: GobMetrics[]) =>
	Uint8Array.from([
		...[...slice(), ...ours(), ...map()],
		...value(...count(all.length), ...all.flatMap(encodeOne)),
	]);

/** Decodes, or returns undefined for a GobError of one line. Rethrows anything else. */
function decodeOrRefuse(bytes: Uint8Array): GobMetrics[] | undefined {
	try {
		return decodeGobMetrics(bytes);
	} catch (error) {
		if (!(error instanceof GobError)) throw error;
		assert.match(error.message, /^.+$/);
		return undefined;
	}
}

const refused = (bytes: number[], reason: RegExp) =>
	assert.throws(
		() => decodeGobMetrics(Uint8Array.from(bytes)),
		(error) => error instanceof GobError && reason.test(error.message),
	);

test("values of v1 decode to what v1 serves", async (t) => {
	const values = await realValues(t);
	assert.deepEqual(
		values.flatMap((bytes) => decodeGobMetrics(bytes)),
		expected.metric.metric_data,
	);
});

test("a truncated value is never accepted", async (t) => {
	for (const bytes of await realValues(t))
		for (let end = 0; end < bytes.length; end++)
			assert.equal(decodeOrRefuse(bytes.subarray(0, end)), undefined, `${end}`);
});

test("a value with any byte changed is decoded or refused", async (t) => {
	const [bytes = Buffer.alloc(0)] = await realValues(t);
	for (let at = 0; at < bytes.length; at++)
		for (let other = 1; other < 256; other++) {
			const changed = Uint8Array.from(bytes);
			changed[at] = (bytes[at] ?? 0) ^ other;
			decodeOrRefuse(changed);
		}
});

test("values with changes and insertions, and garbage, are decoded or refused", async (t) => {
	const values = await realValues(t);
	const change = fc.tuple(fc.nat(400), fc.nat(3), fc.uint8Array());
	fc.assert(
		fc.property(
			fc.constantFrom(...values),
			fc.array(change, { minLength: 1, maxLength: 4 }),
			(bytes, changes) => {
				const changed = [...bytes];
				for (const [at, gone, put] of changes) changed.splice(at, gone, ...put);
				decodeOrRefuse(Uint8Array.from(changed));
			},
		),
		{ numRuns: 3000 },
	);
	fc.assert(
		fc.property(fc.uint8Array(), (bytes) => void decodeOrRefuse(bytes)),
	);
});

test("all metrics survive encoding and decoding", () => {
	const metrics = fc.dictionary(
		fc.string({ unit: "grapheme" }),
		fc.double({ noDefaultInfinity: true, noNaN: true }),
		{ noNullPrototype: true },
	);
	const one = fc.record(
		{
			hostname: fc.string({ unit: "grapheme" }),
			timestamp: fc.maxSafeInteger(),
			metrics: fc.option(metrics),
		},
		{ noNullPrototype: true },
	);
	fc.assert(
		fc.property(fc.array(one), (all) => {
			assert.deepEqual(decodeGobMetrics(encode(all)), all);
		}),
	);
});

test("zero values, a missing map and an empty one", () => {
	const zero = { hostname: "", timestamp: 0, metrics: null };
	assert.deepEqual(decodeGobMetrics(encode([])), []);
	assert.deepEqual(decodeGobMetrics(encode([zero])), [zero]);
	const empty = { ...zero, metrics: {} };
	assert.deepEqual(decodeGobMetrics(encode([empty, zero])), [empty, zero]);
});

test("metric names become own keys, and text is unchanged", () => {
	const metrics = JSON.parse(
		'{ "__proto__": 1, "constructor": 2, "": 3, "\ufeffx": 4 }',
	) as Record<string, number>;
	const [read] = decodeGobMetrics(
		encode([{ hostname: "\ufeffh", timestamp: 1, metrics }]),
	);
	assert.deepEqual(
		Object.entries(read?.metrics ?? {}),
		Object.entries(metrics),
	);
	assert.equal(Object.getPrototypeOf(read?.metrics), Object.prototype);
	assert.equal(read?.hostname, "\ufeffh");
});

test("text that is not UTF-8 is replaced, as in v1's JSON", () => {
	const host = value(1, 1, 2, 0xff, 0x61, 0);
	const [read] = decodeGobMetrics(
		Uint8Array.from([...slice(), ...ours(), ...map(), ...host]),
	);
	assert.equal(read?.hostname, "\ufffda");
});

test("numbers that JSON cannot hold are refused", () => {
	const with_ = (metric: number) =>
		encode([{ hostname: "h", timestamp: 1, metrics: { a: metric } }]);
	for (const metric of [Number.NaN, Number.POSITIVE_INFINITY, -1 / 0])
		refused([...with_(metric)], /not a number/);
	const types = [...slice(), ...ours(), ...map()];
	for (const time of [2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)])
		refused([...types, ...value(1, 2, ...signed(time), 0)], /beyond 2\^53/);
	for (const time of [2n ** 53n - 1n, 1n - 2n ** 53n])
		assert.equal(
			decodeGobMetrics(
				Uint8Array.from([...types, ...value(1, 2, ...signed(time), 0)]),
			)[0]?.timestamp,
			Number(time),
		);
});

test("other types, lengths beyond the end and trailing bytes are refused", () => {
	const types = [...slice(), ...ours(), ...map()];
	const wrong: [number[], RegExp][] = [
		[[], /no value/],
		[types, /no value/],
		[[...types, ...value(0), 0], /bytes after it/],
		[[...types, ...value(0), ...value(0)], /bytes after it/],
		[[...types, ...value(0, 0)], /bytes after it/],
		[[...types, ...value(1, 4, 0)], /field 3 of 3/],
		[[...types, ...value(0xf8, ...Array(8).fill(0xff))], /length 184/],
		[[...types, ...value(1, 1, 0xfc, 0xff, 0xff, 0xff, 0xff)], /length 429/],
		[[...types, ...value(1, 3, 0xfd, 0x0f, 0xff, 0xff)], /length 1048575/],
		[[...types, ...value(0xf7)], /number of 9 bytes/],
		[[0xf8, ...Array(8).fill(0xff)], /length 184/],
		[[...slice(65), ...map(), ...value(0)], /other type/],
		[[...slice(6), ...value(0)], /other type/],
		[[...slice(67), ...map(), ...value(0)], /other type/],
		[[...types, ...message(...signed(65), 0)], /other type/],
		[[...slice(), ...ours(), ...value(0)], /other field: "Metrics"/],
		[[...slice(), ...ours(), ...map(6, 2), ...value(0)], /field: "Metrics"/],
		[[...slice(), ...ours(), ...map(2, 4), ...value(0)], /field: "Metrics"/],
		[[...slice(), ...struct(field("HostName", 2)), ...value(0)], /HostName/],
		[[...slice(), ...struct(field("Other", 6)), ...value(0)], /Other/],
		[message(...signed(-65), 1, 0, 0), /array/],
		[message(...signed(-65), 0), /type without a kind/],
		[message(...signed(-65), 2, 0, 1, 0, 0), /two kinds/],
		[[...slice().map((byte, at) => (at === 0 ? byte + 1 : byte)), 0], /after/],
	];
	for (const [bytes, reason] of wrong) refused(bytes, reason);
});
