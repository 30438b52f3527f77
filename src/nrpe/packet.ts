import { crc32 } from "node:zlib";

/**
 * The packets of NRPE, as check_nrpe 4.1 and its daemon send them. All numbers are big-endian.
 *
 *     0  version          2 bytes: 2, 3 or 4
 *     2  type             2 bytes: 1 for a request, 2 for an answer
 *     4  CRC-32           4 bytes, of the packet with 0 in its place
 *     8  result           2 bytes, of the check
 *
 * Version 2 goes on with a text that ends with NUL, in 1,026 bytes: 1,024 and two that only fill
 * the packet. In the others, 2 bytes of filling (0 for the CRC) and the 4 bytes of a length come
 * first. Version 3 has three more bytes after its text, 0 for the CRC, which not all programs send.
 */
export type PacketVersion = 2 | 3 | 4;

const queryType = 1;
const answerType = 2;

const headBytes = 10;
/** Head, filling and length of versions 3 and 4. */
const longHeadBytes = 16;

const shortPacketBytes = 1_036;

/** The largest length in a packet of version 3 or 4 that check_nrpe and its daemon accept. */
const maxLength = 65_536;

/** The longest text of an answer in bytes, without NUL. */
export const maxTextBytes: Readonly<Record<PacketVersion, number>> = {
	2: 1_023,
	3: maxLength - 1,
	4: maxLength - 1,
};

/** The bytes that version 3 has after its text. */
const version3End = Buffer.alloc(3);

/** Bytes that are no request of NRPE. */
export class PacketError extends Error {
	override name = "PacketError";
}

/** Whether bytes may be the beginning of a request; undefined for too few. */
export function isRequestStart(bytes: Buffer): boolean | undefined {
	const wanted = [[0], [1, 2, 3, 4], [0], [queryType]];
	for (const [at, values] of wanted.entries()) {
		const byte = bytes[at];
		if (byte === undefined) return undefined;
		if (!values.includes(byte)) return false;
	}
	return true;
}

/** The version of a packet that has at least its head. */
const versionOf = (packet: Buffer): number => packet.readUInt16BE(0);

/**
 * How many bytes a request has, by its first ones; undefined while they are too few to tell.
 * @throws PacketError
 */
export function requestBytes(start: Buffer): number | undefined {
	if (start.length < headBytes) return undefined;
	const version = versionOf(start);
	if (version < 2 || version > 4)
		throw new PacketError(`packet: version ${version}, not 2, 3 or 4`);
	const type = start.readUInt16BE(2);
	if (type !== queryType)
		throw new PacketError(`packet: type ${type}, not ${queryType}, a request`);
	if (version === 2) return shortPacketBytes;
	if (start.length < longHeadBytes) return undefined;
	const length = start.readInt32BE(12);
	if (length < 1 || length > maxLength)
		throw new PacketError(
			`packet: length ${length}, not between 1 and ${maxLength}`,
		);
	return longHeadBytes + length;
}

/** The checksum of a packet, whose place for it becomes 0. */
function checksum(packet: Buffer, version: number): number {
	packet.writeUInt32BE(0, 4);
	if (version === 2) return crc32(packet);
	packet.writeUInt16BE(0, headBytes);
	const sum = crc32(packet);
	return version === 3 ? crc32(version3End, sum) : sum;
}

/** A request. */
export interface NrpeQuery {
	readonly version: PacketVersion;
	/** The text up to the first NUL, as it came. */
	readonly text: Buffer;
}

/**
 * Parses a request, whose bytes are changed.
 * @param packet as long as `requestBytes` says
 * @throws PacketError
 */
export function parseRequest(packet: Buffer): NrpeQuery {
	const version = versionOf(packet) as PacketVersion;
	const wanted = packet.readUInt32BE(4);
	if (checksum(packet, version) !== wanted)
		throw new PacketError("packet: its checksum is wrong");
	const text = packet.subarray(version === 2 ? headBytes : longHeadBytes);
	const end = text.indexOf(0);
	return { version, text: end < 0 ? text : text.subarray(0, end) };
}

/**
 * Builds the answer to a request.
 * @param status of the check, 0 to 3
 * @param text without NUL, at most `maxTextBytes` long
 */
export function answerPacket(
	version: PacketVersion,
	status: number,
	text: Uint8Array,
): Buffer {
	const packet =
		version === 2
			? Buffer.alloc(shortPacketBytes)
			: Buffer.alloc(longHeadBytes + text.length + 1);
	packet.writeUInt16BE(version, 0);
	packet.writeUInt16BE(answerType, 2);
	packet.writeUInt16BE(status, 8);
	if (version !== 2) packet.writeInt32BE(text.length + 1, 12);
	packet.set(text, version === 2 ? headBytes : longHeadBytes);
	packet.writeUInt32BE(checksum(packet, version), 4);
	return version === 3 ? Buffer.concat([packet, version3End]) : packet;
}
