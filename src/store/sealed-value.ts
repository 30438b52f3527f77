import { crc32 } from "node:zlib";

/** In front of every value of ours: bytes that no value of an older version, or of the original, begins with. */
const mark = Buffer.from([0x00, 0xc5, 0x01]);
const headBytes = mark.length + 4;

/** Why a value is not what was stored. */
export class DamagedValue extends Error {}

/** Of the key too: a value under another key is as wrong as another value. */
const checksum = (key: string, payload: Uint8Array) =>
	crc32(payload, crc32(key));

/** A value with a checksum of it and its key, as it is stored. */
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
 * The value that was stored under a key; as it is where an older version, or the
 * original, stored it without a checksum. Throws DamagedValue.
 */
export function openSealed(key: string, stored: Buffer): Buffer {
	let alike = 0;
	for (let at = 0; at < mark.length; at++) if (stored[at] === mark[at]) alike++;
	// two of three are a mark that is damaged itself
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
