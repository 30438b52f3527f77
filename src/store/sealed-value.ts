import { crc32 } from "node:zlib";

/**
 * Prefix of every value that we write. No value of v1 or of an older version begins with these
 * bytes.
 */
const mark = Buffer.from([0x00, 0xc5, 0x01]);
const headBytes = mark.length + 4;

/** A value is not what was stored. */
export class DamagedValue extends Error {}

/** Covers the key too: a value under another key is as wrong as a changed value. */
const checksum = (key: string, payload: Uint8Array) =>
	crc32(payload, crc32(key));

/** Prepends the prefix and a checksum of key and value. */
export function sealValue(key: string, value: string | Uint8Array): Buffer {
	const length =
		typeof value === "string" ? Buffer.byteLength(value) : value.length;
	const sealed = Buffer.allocUnsafe(headBytes + length);
	mark.copy(sealed);
	if (typeof value === "string") sealed.write(value, headBytes);
	else sealed.set(value, headBytes);
	sealed.writeUInt32BE(checksum(key, sealed.subarray(headBytes)), mark.length);
	return sealed;
}

/**
 * Returns the value that was stored under a key. A value without a checksum, from v1 or an older
 * version, is returned as it is. Throws DamagedValue.
 */
export function openSealed(key: string, stored: Buffer): Buffer {
	let alike = 0;
	for (let at = 0; at < mark.length; at++) if (stored[at] === mark[at]) alike++;
	// two matching bytes of three: the prefix itself is damaged
	if (alike < 2) return stored;
	const payload = stored.subarray(headBytes);
	if (
		alike < mark.length ||
		stored.length < headBytes ||
		stored.readUInt32BE(mark.length) !== checksum(key, payload)
	)
		throw new DamagedValue("its checksum is wrong");
	return payload;
}
