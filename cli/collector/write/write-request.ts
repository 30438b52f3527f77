import snappy from "snappyjs";
import { putVarint } from "./label.ts";

/** Bytes of a `Sample` with its tag and length, at most: value 9, time up to 11. */
const maxSampleBytes = 24;

const number = new Float64Array(1);
const numberBytes = new Uint8Array(number.buffer);

/** How many bytes a time takes as a varint. */
function timeBytes(milliseconds: number): number {
	let bytes = 1;
	for (let left = milliseconds; left >= 128; left = Math.floor(left / 128))
		bytes++;
	return bytes;
}

/** The bytes of a `WriteRequest` of remote write 1.0, one series after the other. */
export class WriteRequest {
	#bytes: Uint8Array<ArrayBuffer> = new Uint8Array(262_144);
	#length = 0;
	/** Number of series, and of samples. */
	series = 0;
	samples = 0;
	#time = Number.NaN;
	#timeBytes = 0;

	get length(): number {
		return this.#length;
	}

	/**
	 * Adds a series.
	 * @param labels the encoded labels, in two parts
	 * @param at first sample: index into the lists
	 * @param next index of the sample after each, or -1
	 * @param times milliseconds since 1970, not negative, growing
	 */
	add(
		name: Uint8Array,
		labels: Uint8Array,
		at: number,
		next: Int32Array,
		values: Float64Array,
		times: Float64Array,
	): void {
		let inner = name.length + labels.length;
		let count = 0;
		for (let index = at; index !== -1; index = next[index] as number) {
			inner += 12 + this.#bytesOf(times[index] as number);
			count++;
		}
		this.#reserve(inner + 16 + count * maxSampleBytes);
		const to = this.#bytes;
		let length = this.#length;
		to[length++] = 0x0a;
		length = putVarint(to, length, inner);
		// copying short runs by hand is faster than set(), which makes a view
		for (let index = 0; index < name.length; index++)
			to[length + index] = name[index] as number;
		length += name.length;
		for (let index = 0; index < labels.length; index++)
			to[length + index] = labels[index] as number;
		length += labels.length;
		for (let index = at; index !== -1; index = next[index] as number) {
			const time = times[index] as number;
			to[length++] = 0x12;
			to[length++] = 10 + this.#bytesOf(time);
			to[length++] = 0x09;
			number[0] = values[index] as number;
			for (let byte = 0; byte < 8; byte++)
				to[length + byte] = numberBytes[byte] as number;
			length += 8;
			to[length++] = 0x10;
			length = putVarint(to, length, time);
		}
		this.#length = length;
		this.series++;
		this.samples += count;
	}

	#bytesOf(time: number): number {
		if (time !== this.#time) {
			this.#time = time;
			this.#timeBytes = timeBytes(time);
		}
		return this.#timeBytes;
	}

	#reserve(bytes: number): void {
		if (this.#length + bytes <= this.#bytes.length) return;
		const longer = new Uint8Array(
			Math.max(2 * this.#bytes.length, this.#length + bytes),
		);
		longer.set(this.#bytes.subarray(0, this.#length));
		this.#bytes = longer;
	}

	/** The compressed request. Then it is empty, for the next one. */
	take(): Uint8Array {
		const body = snappy.compress(this.#bytes.subarray(0, this.#length));
		this.#length = 0;
		this.series = 0;
		this.samples = 0;
		// not for good, after one batch with long labels
		if (this.#bytes.length > 8_388_608) this.#bytes = new Uint8Array(262_144);
		return body;
	}
}
