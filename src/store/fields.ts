/** Reads LevelDB's varints and length-prefixed strings; throws RangeError at the end of the bytes. */
export class Fields {
	readonly #bytes: Buffer;
	#at = 0;

	constructor(bytes: Buffer) {
		this.#bytes = bytes;
	}

	/** Bytes that were not read yet; negative when a length pointed beyond the end. */
	get left(): number {
		return this.#bytes.length - this.#at;
	}

	number(): number {
		let value = 0;
		for (let factor = 1; ; factor *= 128) {
			const byte = this.byte();
			value += (byte & 127) * factor;
			if (byte < 128) return value;
		}
	}

	byte(): number {
		const byte = this.#bytes[this.#at++];
		if (byte === undefined) throw new RangeError("ends too early");
		return byte;
	}

	/** The next bytes, not copied. */
	take(count: number): Buffer {
		if (!(count <= this.left)) throw new RangeError("ends too early");
		this.#at += count;
		return this.#bytes.subarray(this.#at - count, this.#at);
	}

	skip(): void {
		const length = this.number();
		this.#at += length;
	}
}
