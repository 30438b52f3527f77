import { putVarint } from "./label.ts";

/** A label that many series of a request have: where it is in the request, to be named again. */
export interface RepeatedLabel {
	/** The label `__name__`, encoded. */
	readonly label: Uint8Array;
	/** The request that has it, and its position there. */
	request: number;
	at: number;
}

/** Bytes of a `Sample`, compressed or not, at most: value 9, time up to 11, tag and lengths. */
const maxSampleBytes = 32;

const firstBytes = 262_144;
/** Requests that had long labels do not keep their memory. */
const maxKeptBytes = 4_194_304;

const number = new Float64Array(1);
const numberBytes = new Uint8Array(number.buffer);

/** How many bytes a time takes as a varint. */
function timeBytes(milliseconds: number): number {
	let bytes = 1;
	for (let left = milliseconds; left >= 128; left = Math.floor(left / 128))
		bytes++;
	return bytes;
}

let requests = 0;

/**
 * A `WriteRequest` of remote write 1.0, written in snappy's format at once: what repeats is known
 * (a name that another host had, the labels of the series before, the time), so nothing has to be
 * searched for.
 *
 * Snappy's format is the uncompressed length and then literals (a tag with the length, and bytes) and
 * copies of earlier bytes (a tag with the length, and how far back they are).
 */
export class WriteRequest {
	#bytes = new Uint8Array(firstBytes);
	/** Bytes so far: compressed, and uncompressed. */
	#size = 0;
	#length = 0;
	#number = ++requests;
	/** Number of series, and of samples. */
	series = 0;
	samples = 0;
	/** The labels of the series before, with the beginning of its first sample, and their position. */
	#labels: Uint8Array | undefined;
	#labelsTimeBytes = 0;
	#labelsAt = 0;
	/** The time that was written last, its bytes, and their position. */
	#time = Number.NaN;
	#timeBytes = 0;
	#timeAt = -1;

	/** Bytes that the store will unpack. */
	get length(): number {
		return this.#length;
	}

	/** Bytes of memory so far. */
	get size(): number {
		return this.#size;
	}

	/**
	 * Adds a series.
	 * @param labels the encoded labels beside the name; the same array for the same labels
	 * @param at first sample: index into the lists
	 * @param next index of the sample after each, or -1
	 * @param times milliseconds since 1970, not negative, growing
	 */
	add(
		name: RepeatedLabel,
		labels: Uint8Array,
		at: number,
		next: Int32Array,
		values: Float64Array,
		times: Float64Array,
	): void {
		let inner = name.label.length + labels.length;
		let count = 0;
		for (let index = at; index !== -1; index = next[index] as number) {
			inner += 12 + this.#bytesOf(times[index] as number);
			count++;
		}
		this.#reserve(inner + 64 + count * maxSampleBytes);
		this.#begin(name, inner);
		const first = this.#bytesOf(times[at] as number);
		this.#putLabels(labels, first);
		this.#putValue(values[at] as number, times[at] as number);
		for (
			let index = next[at] as number;
			index !== -1;
			index = next[index] as number
		) {
			const time = times[index] as number;
			this.#bytes[this.#size++] = (3 - 1) << 2;
			this.#putSampleBegin(this.#bytesOf(time));
			this.#length += 3;
			this.#putValue(values[index] as number, time);
		}
		this.series++;
		this.samples += count;
	}

	/** Tag and length of the series, and its name. */
	#begin(name: RepeatedLabel, inner: number): void {
		const to = this.#bytes;
		const { label } = name;
		const isKnown = name.request === this.#number;
		const header =
			inner < 128 ? 2 : inner < 16_384 ? 3 : inner < 2_097_152 ? 4 : 5;
		this.#putTag(isKnown ? header : header + label.length);
		to[this.#size++] = 0x0a;
		this.#size = putVarint(to, this.#size, inner);
		this.#length += header;
		if (isKnown) this.#copy(name.at, label.length);
		else {
			name.request = this.#number;
			name.at = this.#length;
			this.#putBytes(label);
		}
	}

	/** The other labels, and the beginning of the first sample. */
	#putLabels(labels: Uint8Array, timeLength: number): void {
		const length = labels.length + 3;
		const at = this.#length;
		const isKnown =
			this.#labels === labels && this.#labelsTimeBytes === timeLength;
		if (isKnown) this.#copy(this.#labelsAt, length);
		else {
			this.#putTag(length);
			this.#putBytes(labels);
			this.#putSampleBegin(timeLength);
			this.#length += 3;
		}
		this.#labels = labels;
		this.#labelsTimeBytes = timeLength;
		// the latest ones are nearest
		this.#labelsAt = at;
	}

	/** Tag and length of a sample, and the tag of its value. */
	#putSampleBegin(timeLength: number): void {
		const to = this.#bytes;
		to[this.#size++] = 0x12;
		to[this.#size++] = 10 + timeLength;
		to[this.#size++] = 0x09;
	}

	/** A value, and the time with its tag. */
	#putValue(value: number, time: number): void {
		const to = this.#bytes;
		const length = 1 + this.#bytesOf(time);
		const isKnown = this.#timeAt >= 0;
		to[this.#size++] = ((isKnown ? 8 : 8 + length) - 1) << 2;
		number[0] = value;
		for (let byte = 0; byte < 8; byte++)
			to[this.#size + byte] = numberBytes[byte] as number;
		this.#size += 8;
		this.#length += 8;
		const at = this.#length;
		if (isKnown) this.#copy(this.#timeAt, length);
		else {
			to[this.#size++] = 0x10;
			this.#size = putVarint(to, this.#size, time);
			this.#length += length;
		}
		this.#timeAt = at;
	}

	/** The bytes of a time, which becomes the last one. */
	#bytesOf(time: number): number {
		if (time !== this.#time) {
			this.#time = time;
			this.#timeBytes = timeBytes(time);
			this.#timeAt = -1;
		}
		return this.#timeBytes;
	}

	/** The tag of a literal. */
	#putTag(length: number): void {
		const to = this.#bytes;
		const count = length - 1;
		if (count < 60) to[this.#size++] = count << 2;
		else if (count < 256) {
			to[this.#size++] = 60 << 2;
			to[this.#size++] = count;
		} else {
			// labels have less than 16 MiB, which three bytes are enough for
			to[this.#size++] = 62 << 2;
			to[this.#size++] = count & 255;
			to[this.#size++] = (count >>> 8) & 255;
			to[this.#size++] = count >>> 16;
		}
	}

	/** Bytes of a literal. By hand, because set() makes a view, which costs more for so few. */
	#putBytes(bytes: Uint8Array): void {
		const to = this.#bytes;
		const size = this.#size;
		for (let index = 0; index < bytes.length; index++)
			to[size + index] = bytes[index] as number;
		this.#size += bytes.length;
		this.#length += bytes.length;
	}

	/** Bytes that are in the request already, at least 4. */
	#copy(from: number, bytes: number): void {
		const to = this.#bytes;
		const back = this.#length - from;
		this.#length += bytes;
		for (let left = bytes; left > 0; left -= 64) {
			const part = Math.min(left, 64);
			if (back < 2_048 && part >= 4 && part <= 11) {
				to[this.#size++] = ((back >>> 8) << 5) | ((part - 4) << 2) | 1;
				to[this.#size++] = back & 255;
				continue;
			}
			to[this.#size++] = ((part - 1) << 2) | (back < 65_536 ? 2 : 3);
			to[this.#size++] = back & 255;
			to[this.#size++] = (back >>> 8) & 255;
			if (back < 65_536) continue;
			to[this.#size++] = (back >>> 16) & 255;
			to[this.#size++] = back >>> 24;
		}
	}

	#reserve(bytes: number): void {
		if (this.#size + bytes <= this.#bytes.length) return;
		const longer = new Uint8Array(
			Math.max(2 * this.#bytes.length, this.#size + bytes),
		);
		longer.set(this.#bytes.subarray(0, this.#size));
		this.#bytes = longer;
	}

	/** The compressed request. Then it is empty, for the next one. */
	take(): Uint8Array {
		const header = new Uint8Array(5);
		const begin = putVarint(header, 0, this.#length);
		const body = new Uint8Array(begin + this.#size);
		body.set(header.subarray(0, begin));
		body.set(this.#bytes.subarray(0, this.#size), begin);
		this.#size = 0;
		this.#length = 0;
		this.#number = ++requests;
		this.#labels = undefined;
		this.#time = Number.NaN;
		this.#timeAt = -1;
		this.series = 0;
		this.samples = 0;
		if (this.#bytes.length > maxKeptBytes)
			this.#bytes = new Uint8Array(firstBytes);
		return body;
	}
}
