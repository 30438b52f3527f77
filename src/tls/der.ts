/** The few DER elements (X.690) that a certificate needs. */

export const tags = {
	boolean: 0x01,
	integer: 0x02,
	bitString: 0x03,
	octetString: 0x04,
	oid: 0x06,
	utf8String: 0x0c,
	utcTime: 0x17,
	generalizedTime: 0x18,
	sequence: 0x30,
	set: 0x31,
	dnsName: 0x82,
	ipAddress: 0x87,
	keyIdentifier: 0x80,
	version: 0xa0,
	extensions: 0xa3,
} as const;

/** Encodes a DER element: tag, length in the shortest form, contents. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
	const body = Buffer.concat(contents);
	if (body.length < 0x80) return Buffer.from([tag, body.length, ...body]);
	const digits = body.length.toString(16);
	const length = Buffer.from(
		digits.padStart(digits.length + (digits.length % 2), "0"),
		"hex",
	);
	return Buffer.concat([
		Buffer.from([tag, 0x80 | length.length]),
		length,
		body,
	]);
}

export const sequence = (...parts: readonly Uint8Array[]) =>
	der(tags.sequence, ...parts);
export const oid = (hex: string) => der(tags.oid, Buffer.from(hex, "hex"));
/** Encodes a bit string; `unused` is the number of unused bits in its last byte. */
export const bits = (unused: number, value: Uint8Array) =>
	der(tags.bitString, Buffer.from([unused]), value);
export const derTrue = der(tags.boolean, Buffer.from([0xff]));

/** Encodes a certificate extension; `id` is the encoded object identifier in hexadecimal, `value` the DER content. */
export function extension(
	id: string,
	critical: boolean,
	value: Uint8Array,
): Buffer {
	return sequence(
		oid(id),
		...(critical ? [derTrue] : []),
		der(tags.octetString, value),
	);
}

/** Encodes a time (RFC 5280 4.1.2.5): years up to 2049 have two digits (UTCTime), later ones four. */
export function time(date: Date): Buffer {
	const digits = date.toISOString().replace(/\.\d+|[-:T]/g, "");
	return date.getUTCFullYear() < 2050
		? der(tags.utcTime, Buffer.from(digits.slice(2)))
		: der(tags.generalizedTime, Buffer.from(digits));
}
