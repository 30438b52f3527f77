/** Why bytes are not a value that v1's store wrote, in one line. */
export class GobError extends Error {}

export interface GobMetrics {
	hostname: string;
	timestamp: number;
	/** `null` where v1 had no map, as in v1's JSON. */
	metrics: Record<string, number> | null;
}

/** Type numbers that encoding/gob reserves for basic types. */
const integer = 2;
const float = 4;
const string = 6;

type Type =
	| { kind: "slice"; element: number }
	| { kind: "map"; key: number; element: number }
	| { kind: "struct"; fields: { name: string; type: number }[] };

const text = new TextDecoder("utf-8", { ignoreBOM: true });

/** Reads bytes in order, and never beyond their end. */
class Reader {
	readonly #bytes: Uint8Array;
	#at = 0;

	constructor(bytes: Uint8Array) {
		this.#bytes = bytes;
	}

	get left(): number {
		return this.#bytes.length - this.#at;
	}

	take(count: number): Uint8Array {
		if (count > this.left)
			throw new GobError(`ends too early: ${count} bytes of ${this.left}`);
		this.#at += count;
		return this.#bytes.subarray(this.#at - count, this.#at);
	}

	/** Small numbers take one byte; others start with their negated length. */
	unsigned(): bigint {
		const [first = 0] = this.take(1);
		if (first < 0x80) return BigInt(first);
		if (first < 0xf8) throw new GobError(`number of ${256 - first} bytes`);
		let value = 0n;
		for (const byte of this.take(256 - first))
			value = (value << 8n) | BigInt(byte);
		return value;
	}

	signed(): number {
		const value = this.unsigned();
		const signed = value & 1n ? ~(value >> 1n) : value >> 1n;
		if (!Number.isSafeInteger(Number(signed)))
			throw new GobError(`integer beyond 2^53: ${signed}`);
		return Number(signed);
	}

	/**
	 * A number of elements. Each takes at least one byte, so a count beyond the remaining bytes is
	 * wrong.
	 */
	count(): number {
		const value = this.unsigned();
		if (value > this.left)
			throw new GobError(`length ${value} of ${this.left} bytes`);
		return Number(value);
	}

	string(): string {
		return text.decode(this.take(this.count()));
	}

	/** A float's bytes are reversed, which keeps small values short. */
	float(): number {
		const view = new DataView(new ArrayBuffer(8));
		view.setBigUint64(0, this.unsigned(), true);
		const value = view.getFloat64(0);
		if (!Number.isFinite(value)) throw new GobError(`not a number: ${value}`);
		return value;
	}

	/** Field numbers are deltas from the previous field; 0 ends the struct. */
	*fields(count: number): Generator<number> {
		for (let field = -1; ; ) {
			const step = this.unsigned();
			if (step === 0n) return;
			if (step > count - 1 - field)
				throw new GobError(`field ${BigInt(field) + step} of ${count}`);
			field += Number(step);
			yield field;
		}
	}
}

/** Skips `{ Name, Id }`. */
function commonType(reader: Reader): void {
	for (const field of reader.fields(2))
		if (field === 0) reader.string();
		else reader.signed();
}

function structField(reader: Reader): { name: string; type: number } {
	const of = { name: "", type: 0 };
	for (const field of reader.fields(2))
		if (field === 0) of.name = reader.string();
		else of.type = reader.signed();
	return of;
}

/** Reads a type definition. Arrays and self-encoding types never occur in v1's values. */
function describedType(reader: Reader): Type {
	let type: Type | undefined;
	for (const kind of reader.fields(4)) {
		if (type) throw new GobError("type of two kinds");
		if (kind === 0) throw new GobError("array");
		const numbers = [0, 0];
		const fields: { name: string; type: number }[] = [];
		for (const field of reader.fields(kind === 3 ? 3 : 2))
			if (field === 0) commonType(reader);
			else if (kind === 2)
				for (let left = reader.count(); left > 0; left--)
					fields.push(structField(reader));
			else numbers[field - 1] = reader.signed();
		const [first = 0, second = 0] = numbers;
		if (kind === 1) type = { kind: "slice", element: first };
		else if (kind === 2) type = { kind: "struct", fields };
		else type = { kind: "map", key: first, element: second };
	}
	if (!type) throw new GobError("type without a kind");
	return type;
}

function metricsMap(reader: Reader): Record<string, number> {
	const entries: [string, number][] = [];
	for (let left = reader.count(); left > 0; left--)
		entries.push([reader.string(), reader.float()]);
	return Object.fromEntries(entries); // also makes `__proto__` an own key
}

/** The field names in order; throws unless the types are v1's. */
function metricsFields(types: ReadonlyMap<number, Type>, id: number): string[] {
	const slice = types.get(id);
	const struct = slice?.kind === "slice" ? types.get(slice.element) : undefined;
	if (struct?.kind !== "struct") throw new GobError("other type");
	return struct.fields.map(({ name, type }) => {
		const map = types.get(type);
		const right =
			name === "HostName"
				? type === string
				: name === "Timestamp"
					? type === integer
					: name === "Metrics" &&
						map?.kind === "map" &&
						map.key === string &&
						map.element === float;
		if (!right)
			throw new GobError(`other field: ${JSON.stringify(name.slice(0, 40))}`);
		return name;
	});
}

function metricsData(reader: Reader, names: readonly string[]): GobMetrics {
	const of: GobMetrics = { hostname: "", timestamp: 0, metrics: null };
	for (const field of reader.fields(names.length))
		if (names[field] === "HostName") of.hostname = reader.string();
		else if (names[field] === "Timestamp") of.timestamp = reader.signed();
		else of.metrics = metricsMap(reader);
	return of;
}

/**
 * Decodes the value that v1 stored under `m-<seconds>`: one `[]MetricsData` in Go's encoding/gob,
 * with its type definitions. Gob omits fields with Go's zero value, so a nil map decodes to `null`;
 * an empty map is not omitted. Bytes that are not UTF-8 become U+FFFD, as in v1's JSON.
 * Throws GobError for anything else, for NaN and infinities, and for integers beyond 2^53.
 */
export function decodeGobMetrics(bytes: Uint8Array): GobMetrics[] {
	const stream = new Reader(bytes);
	const types = new Map<number, Type>();
	while (stream.left > 0) {
		const message = new Reader(stream.take(stream.count()));
		const id = message.signed();
		if (id < 0) types.set(-id, describedType(message));
		else {
			const names = metricsFields(types, id);
			if (message.unsigned() !== 0n) throw new GobError("no value");
			const all: GobMetrics[] = [];
			for (let left = message.count(); left > 0; left--)
				all.push(metricsData(message, names));
			if (message.left + stream.left > 0) throw new GobError("bytes after it");
			return all;
		}
		if (message.left > 0) throw new GobError("bytes after a type");
	}
	throw new GobError("no value");
}

/**
 * The type definitions of v1's values, byte for byte: `[]MetricsData`, its struct, and
 * `map[string]float64`.
 */
const v1Types = Buffer.from(
	"0dff85020102ff860001ff82000041ff810301010b4d6574726963734461746101ff820001030108486f73744e616d65010c00010954696d657374616d7001040001074d65747269637301ff8400000022ff83040101126d61705b737472696e675d666c6f6174363401ff8400010c01080000",
	"hex",
);

/** The type number of the slice. */
const v1SliceType = 67;

/** A buffer that grows as it is written. */
class Writer {
	#bytes = Buffer.allocUnsafe(64 * 1024);
	#length = 0;
	readonly #view = new DataView(new ArrayBuffer(8));

	#need(count: number): void {
		if (this.#length + count <= this.#bytes.length) return;
		const size = Math.max(2 * this.#bytes.length, this.#length + count);
		const larger = Buffer.allocUnsafe(size);
		this.#bytes.copy(larger, 0, 0, this.#length);
		this.#bytes = larger;
	}

	/** The inverse of `Reader.unsigned`. */
	unsigned(value: bigint): void {
		this.#need(9);
		if (value < 0x80n) {
			this.#bytes[this.#length++] = Number(value);
			return;
		}
		this.#view.setBigUint64(0, value);
		let first = 0;
		while (this.#view.getUint8(first) === 0) first++;
		this.#bytes[this.#length++] = 256 - (8 - first);
		for (; first < 8; first++)
			this.#bytes[this.#length++] = this.#view.getUint8(first);
	}

	signed(value: number): void {
		const big = BigInt(value);
		this.unsigned(big < 0n ? (~big << 1n) | 1n : big << 1n);
	}

	string(value: string): void {
		const size = Buffer.byteLength(value);
		this.unsigned(BigInt(size));
		this.#need(size);
		this.#length += this.#bytes.write(value, this.#length);
	}

	float(value: number): void {
		this.#view.setFloat64(0, value);
		this.unsigned(this.#view.getBigUint64(0, true));
	}

	get written(): Buffer {
		return this.#bytes.subarray(0, this.#length);
	}
}

/** Writes a struct: omits fields with Go's zero value; field numbers are deltas. */
function writeMetrics(writer: Writer, of: GobMetrics): void {
	let step = 1n;
	const field = (isThere: boolean, write: () => void) => {
		if (!isThere) {
			step++;
			return;
		}
		writer.unsigned(step);
		write();
		step = 1n;
	};
	field(of.hostname !== "", () => writer.string(of.hostname));
	field(of.timestamp !== 0, () => writer.signed(of.timestamp));
	field(of.metrics !== null, () => {
		const entries = Object.entries(of.metrics ?? {});
		writer.unsigned(BigInt(entries.length));
		for (const [name, value] of entries) {
			writer.string(name);
			writer.float(value);
		}
	});
	writer.unsigned(0n);
}

/**
 * Encodes a value exactly as v1 does, except for the order of a sample's metrics, which Go
 * randomizes. `decodeGobMetrics` reads it back. Timestamps must be safe integers.
 */
export function encodeGobMetrics(all: readonly GobMetrics[]): Buffer {
	const writer = new Writer();
	writer.signed(v1SliceType);
	writer.unsigned(0n);
	writer.unsigned(BigInt(all.length));
	for (const one of all) writeMetrics(writer, one);
	const length = new Writer();
	length.unsigned(BigInt(writer.written.length));
	return Buffer.concat([v1Types, length.written, writer.written]);
}
