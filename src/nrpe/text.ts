/**
 * Shortens the output of a plugin to what an answer of NRPE has room for. In Nagios' format, the
 * first line may have performance data after `|`, and the further lines may again, up to the end.
 * The text is cut first, then whole entries of performance data at its end: half an entry would be
 * a wrong number. A mark says that something is missing.
 */

const newline = 0x0a;
const bar = 0x7c;
const quote = 0x27;
const isBlank = (byte: number | undefined) =>
	byte === 0x20 || byte === newline || byte === 0x09;

/** The first bytes of a text, without half a character of UTF-8 at the end. */
function firstBytes(text: Buffer, limit: number): Buffer {
	if (text.length <= limit) return text;
	let end = Math.max(0, limit);
	// bytes 10xxxxxx continue a character of at most four bytes
	for (let back = 0; back < 3 && end > 0; back++) {
		if (((text[end] ?? 0) & 0xc0) !== 0x80) break;
		end--;
	}
	return text.subarray(0, end);
}

/** The first entries of performance data that fit. Quoted labels may have blanks in them. */
function firstEntries(data: Buffer, limit: number): Buffer {
	if (data.length <= limit) return data;
	let end = 0;
	let isQuoted = false;
	for (let at = 0; at <= limit; at++) {
		if (data[at] === quote) isQuoted = !isQuoted;
		else if (!isQuoted && isBlank(data[at])) end = at;
	}
	return data.subarray(0, end);
}

/** Divides a text at the first byte of this kind, which belongs to neither part. */
function divided(text: Buffer, byte: number): [Buffer, Buffer | undefined] {
	const at = text.indexOf(byte);
	return at < 0
		? [text, undefined]
		: [text.subarray(0, at), text.subarray(at + 1)];
}

/** Of the room for the first line, what its text keeps if there is much performance data. */
const textShare = 1 / 4;

/**
 * @param output what the plugin has printed
 * @param limit the longest answer in bytes
 * @param printed bytes that the plugin has printed, of which `output` may be the first ones
 */
export function fittingText(
	output: Buffer,
	limit: number,
	printed = output.length,
): Buffer {
	if (output.length <= limit && printed <= output.length) return output;
	const mark = Buffer.from(` [cut, ${printed} bytes]`);
	const room = limit - mark.length;
	const [line, more] = divided(output, newline);
	const [text, data] = divided(line, bar);
	const keptData =
		data &&
		firstEntries(
			data,
			room - Math.min(text.length, Math.floor(room * textShare)) - 1,
		);
	const dataPart = keptData?.length ? [Buffer.of(bar), keptData] : [];
	const dataBytes = keptData?.length ? keptData.length + 1 : 0;
	const keptText = firstBytes(text, room - dataBytes);
	const isWhole =
		keptText.length === text.length && keptData?.length === data?.length;
	const left = room - keptText.length - dataBytes - 1;
	if (!isWhole || more === undefined || left <= 0)
		return Buffer.concat([keptText, mark, ...dataPart]);
	const [long, longData] = divided(more, bar);
	// performance data of all lines is worth more than their text
	const keptLongData = longData && firstEntries(longData, left - 1);
	const longPart = keptLongData?.length ? [Buffer.of(bar), keptLongData] : [];
	const longBytes = keptLongData?.length ? keptLongData.length + 1 : 0;
	return Buffer.concat([
		...[keptText, ...dataPart, Buffer.of(newline)],
		...[firstBytes(long, left - longBytes), mark, ...longPart],
	]);
}
