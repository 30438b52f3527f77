import { Fields } from "./fields.ts";

/** No element of Snappy's format gives more than 64 bytes for 3 of its own. */
const largestGrowth = 22;

/** The element's length or offset in `count` bytes, the lowest one first. */
function littleEndian(from: Fields, count: number): number {
	let value = 0;
	for (let nth = 0; nth < count; nth++) value += from.byte() * 256 ** nth;
	return value;
}

/**
 * Uncompresses a block in Snappy's raw format, as LevelDB's tables have it.
 * Throws RangeError when the bytes are not in that format.
 */
export function uncompressSnappy(bytes: Buffer): Buffer {
	const from = new Fields(bytes);
	const length = from.number();
	if (length > bytes.length * largestGrowth)
		throw new RangeError("impossible length");
	const to = Buffer.alloc(length);
	let at = 0;
	while (from.left > 0) {
		const tag = from.byte();
		const kind = tag & 3;
		const high = tag >> 2;
		if (kind === 0) {
			const count = (high < 60 ? high : littleEndian(from, high - 59)) + 1;
			const literal = from.take(count);
			if (at + count > length) throw new RangeError("too long");
			literal.copy(to, at);
			at += count;
			continue;
		}
		const count = kind === 1 ? (high & 7) + 4 : high + 1;
		const offset =
			kind === 1
				? ((tag >> 5) << 8) + from.byte()
				: littleEndian(from, kind === 2 ? 2 : 4);
		if (offset === 0 || offset > at || at + count > length)
			throw new RangeError("copy from nowhere");
		// one by one: a copy may overlap what it writes
		for (const end = at + count; at < end; at++) to[at] = to[at - offset] ?? 0;
	}
	if (at !== length) throw new RangeError("too short");
	return to;
}
