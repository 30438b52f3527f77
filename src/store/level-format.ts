/**
 * Reads LevelDB's varints and length-prefixed strings. Throws RangeError at the end of the bytes.
 */
export class Fields {
	readonly #bytes: Buffer;
	#at = 0;

	constructor(bytes: Buffer) {
		this.#bytes = bytes;
	}

	/** Unread bytes; negative if a length pointed beyond the end. */
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

	/** The next `count` bytes, as a view. */
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

/** Tables for CRC-32C, four bytes at a time. */
const tables = Array.from({ length: 4 }, () => new Uint32Array(256));
const [t0, t1, t2, t3] = tables as [
	Uint32Array,
	Uint32Array,
	Uint32Array,
	Uint32Array,
];

for (let byte = 0; byte < 256; byte++) {
	let value = byte;
	for (let bit = 0; bit < 8; bit++)
		value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
	t0[byte] = value;
}
for (let byte = 0; byte < 256; byte++)
	for (let n = 1; n < 4; n++) {
		const before = tables[n - 1]?.[byte] ?? 0;
		const table = tables[n];
		if (table) table[byte] = (before >>> 8) ^ (t0[before & 0xff] ?? 0);
	}

/**
 * CRC-32C (Castagnoli), which LevelDB uses and Node's zlib lacks.
 * @param before the checksum of the preceding bytes
 */
export function crc32c(bytes: Uint8Array, before = 0): number {
	let crc = ~before;
	const words = bytes.length & ~3;
	let at = 0;
	for (; at < words; at += 4) {
		crc ^=
			(bytes[at] as number) |
			((bytes[at + 1] as number) << 8) |
			((bytes[at + 2] as number) << 16) |
			((bytes[at + 3] as number) << 24);
		crc =
			(t3[crc & 0xff] as number) ^
			(t2[(crc >>> 8) & 0xff] as number) ^
			(t1[(crc >>> 16) & 0xff] as number) ^
			(t0[crc >>> 24] as number);
	}
	for (; at < bytes.length; at++)
		crc = (crc >>> 8) ^ (t0[(crc ^ (bytes[at] as number)) & 0xff] as number);
	return (crc ^ 0xffffffff) >>> 0;
}

/**
 * Masks a checksum as LevelDB stores it, so that a checksum over data with embedded checksums still
 * works.
 */
export function maskCrc32c(crc: number): number {
	return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

export const maskedCrc32c = (bytes: Uint8Array) => maskCrc32c(crc32c(bytes));
