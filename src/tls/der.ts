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

/** Bytes are not DER, or not what they should be in DER; one line. */
export class DerError extends Error {
	override name = "DerError";
}

/** A DER element, as read. */
export interface Element {
	readonly tag: number;
	readonly content: Buffer;
	/** All of it: tag, length and content. */
	readonly bytes: Buffer;
}

/** Where an element's content begins and ends. */
interface Extent {
	tag: number;
	begin: number;
	end: number;
}

/** Longer elements are refused; certificates and revocation lists are far smaller. */
const maxLengthBytes = 4;

/**
 * Finds the element that begins at `at` and ends at `limit` at the latest. Accepts only DER: one
 * byte of tag, and the shortest form of a definite length.
 * @throws DerError
 */
export function extentAt(bytes: Buffer, at: number, limit: number): Extent {
	const tag = bytes[at] ?? 0;
	let length = bytes[at + 1] ?? 0;
	let begin = at + 2;
	if (begin > limit) throw new DerError("cut off");
	if ((tag & 0x1f) === 0x1f) throw new DerError("a tag of several bytes");
	if (length >= 0x80) {
		const count = length & 0x7f;
		if (count === 0 || count > maxLengthBytes)
			throw new DerError("an indefinite or huge length");
		if (begin + count > limit) throw new DerError("cut off");
		length = bytes.readUIntBE(begin, count);
		begin += count;
		if (length < 0x80 || length < 2 ** (8 * (count - 1)))
			throw new DerError("a length that is not in its shortest form");
	}
	const end = begin + length;
	if (end > limit) throw new DerError("cut off");
	return { tag, begin, end };
}

/** Reads the elements that fill these bytes. Throws DerError. */
export function elementsIn(bytes: Buffer): Element[] {
	const found: Element[] = [];
	for (let at = 0; at < bytes.length; ) {
		const { tag, begin, end } = extentAt(bytes, at, bytes.length);
		found.push({
			tag,
			content: bytes.subarray(begin, end),
			bytes: bytes.subarray(at, end),
		});
		at = end;
	}
	return found;
}

/** Reads the one element that fills these bytes, which must have the tag. Throws DerError. */
export function elementIn(bytes: Buffer, tag: number): Element {
	const [element, ...more] = elementsIn(bytes);
	if (element?.tag !== tag || more.length > 0)
		throw new DerError(
			`not one element with tag 0x${tag.toString(16).padStart(2, "0")}`,
		);
	return element;
}

/** Reads a UTCTime or GeneralizedTime of RFC 5280; milliseconds since 1970. Throws DerError. */
export function timeIn({ tag, content }: Element): number {
	const text = content.toString("latin1");
	const digits =
		tag === tags.utcTime && /^\d{12}Z$/.test(text)
			? `${text < "5" ? "20" : "19"}${text}`
			: tag === tags.generalizedTime && /^\d{14}Z$/.test(text)
				? text
				: undefined;
	const [, year, month, day, hour, minute, second] =
		/^(....)(..)(..)(..)(..)(..)Z$/.exec(digits ?? "") ?? [];
	const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
	const milliseconds = Date.parse(iso);
	// Date.parse accepts the 30th of February
	if (
		Number.isNaN(milliseconds) ||
		new Date(milliseconds).toISOString() !== iso
	)
		throw new DerError("not a time");
	return milliseconds;
}

/** An extension of a certificate or of a revocation list. */
export interface Extension {
	readonly isCritical: boolean;
	readonly value: Buffer;
}

/**
 * Reads the extensions in a SEQUENCE, by their object identifiers in hexadecimal. Throws DerError,
 * also if one occurs twice.
 */
export function extensionsIn(list: Element): Map<string, Extension> {
	const found = new Map<string, Extension>();
	for (const { tag, content } of elementsIn(list.content)) {
		const [id, ...rest] = elementsIn(content);
		const value = rest.at(-1);
		const [critical] = rest;
		const isCritical = rest.length === 2 && critical?.content[0] === 0xff;
		if (
			tag !== tags.sequence ||
			id?.tag !== tags.oid ||
			value?.tag !== tags.octetString ||
			rest.length > 2 ||
			(rest.length === 2 && critical?.tag !== tags.boolean)
		)
			throw new DerError("not an extension");
		const name = id.content.toString("hex");
		if (found.has(name)) throw new DerError("an extension occurs twice");
		found.set(name, { isCritical, value: value.content });
	}
	return found;
}

/** Object identifiers of extensions (RFC 5280), in hexadecimal. */
export const extensionIds = {
	keyUsage: "551d0f",
	alternativeNames: "551d11",
	basicConstraints: "551d13",
	nameConstraints: "551d1e",
	authorityKey: "551d23",
	policyConstraints: "551d24",
	extendedKeyUsage: "551d25",
} as const;
