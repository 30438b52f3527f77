import { maskedCrc32c } from "./crc32c.ts";

const blockBytes = 32_768;
const headerBytes = 7;

/** What a file in LevelDB's log format holds: its log, or its manifest. */
export interface LogRecords {
	records: Buffer[];
	/** Where a record is damaged although intact ones follow; -1 if nowhere. A writer that dies leaves no such thing. */
	damagedAt: number;
}

/**
 * Reads a file in LevelDB's log format. LevelDB itself goes on behind a damaged
 * record, without a word; a record that is cut at the end is what a crash leaves.
 */
export function readLogRecords(bytes: Buffer): LogRecords {
	const records: Buffer[] = [];
	let parts: Buffer[] | undefined;
	let bad = -1;
	let damagedAt = -1;
	let at = 0;
	while (at + headerBytes <= bytes.length) {
		const end = at - (at % blockBytes) + blockBytes;
		if (end - at < headerBytes) {
			at = end;
			continue;
		}
		const length = bytes.readUInt16LE(at + 4);
		const type = bytes[at + 6] ?? 0;
		const next = at + headerBytes + length;
		// space that was set aside, or never written
		if (type === 0 && length === 0 && bytes.readUInt32LE(at) === 0) {
			at = end;
			continue;
		}
		const isWhole = next <= end && next <= bytes.length;
		if (
			!isWhole ||
			type > 4 ||
			maskedCrc32c(bytes.subarray(at + 6, next)) !== bytes.readUInt32LE(at)
		) {
			if (bad < 0) bad = at;
			parts = undefined;
			at = end;
			continue;
		}
		if (bad >= 0 && damagedAt < 0) damagedAt = bad;
		const payload = bytes.subarray(at + headerBytes, next);
		if (type === 1) records.push(payload);
		else if (type === 2) parts = [payload];
		else if (parts) parts.push(payload);
		if (type === 4 && parts) records.push(Buffer.concat(parts));
		if (type === 1 || type === 4) parts = undefined;
		at = next;
	}
	return { records, damagedAt };
}
