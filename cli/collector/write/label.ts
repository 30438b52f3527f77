/** Most bytes that a label's name or value may have; VictoriaMetrics cuts longer ones without a word. */
export const maxNameBytes = 256;
export const maxValueBytes = 16_384;

/** Whether a text can be the name of a label. Names that begin with two underscores are the stores' own. */
export const isLabelName = (name: string): boolean =>
	/^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) && name.length <= maxNameBytes;

/** Why a text cannot be the value of a label; undefined if it can. */
export function badLabelValue(value: string): string | undefined {
	// lone surrogates all become U+FFFD in UTF-8, and two values one
	if (/\p{Surrogate}/u.test(value)) return "not valid Unicode";
	return value.length * 3 > maxValueBytes &&
		Buffer.byteLength(value) > maxValueBytes
		? `longer than ${maxValueBytes} bytes`
		: undefined;
}

/** Writes a number as protobuf's varint and returns the position behind it. */
export function putVarint(to: Uint8Array, at: number, value: number): number {
	let left = value;
	let next = at;
	// beyond 32 bits, shifts would lose bits
	for (; left >= 0x1000_0000; left = Math.floor(left / 128))
		to[next++] = (left % 128) | 128;
	for (; left >= 128; left >>>= 7) to[next++] = (left & 127) | 128;
	to[next++] = left;
	return next;
}

const varintBytes = (value: number) => {
	let bytes = 1;
	for (let left = value; left >= 128; left >>>= 7) bytes++;
	return bytes;
};

/** A `Label` of remote write as a field of `TimeSeries`. */
export function labelField(name: string, value: string): Uint8Array {
	const texts = [Buffer.from(name), Buffer.from(value)];
	const inner = texts.reduce(
		(sum, { length }) => sum + 1 + varintBytes(length) + length,
		0,
	);
	const field = new Uint8Array(1 + varintBytes(inner) + inner);
	field[0] = 0x0a;
	let at = putVarint(field, 1, inner);
	for (const [index, text] of texts.entries()) {
		field[at++] = index === 0 ? 0x0a : 0x12;
		at = putVarint(field, at, text.length);
		field.set(text, at);
		at += text.length;
	}
	return field;
}
