import { constants } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { AcknowledgedLog } from "./inspection.ts";

/** What had been acknowledged at one moment. */
export interface Tally {
	/** Entries (metrics and machine states) ever stored. */
	written: number;
	/** Entries deleted since, because they were acknowledged or too old. */
	removed: number;
	/** When the last entry was stored, in milliseconds since 1970. */
	at: number;
}

export interface AcknowledgedMark extends Tally {
	/** Counts up; the mark with the larger number is the newer one. */
	serial: number;
	/** The newest log file of LevelDB at that moment, and its size. */
	log?: AcknowledgedLog;
}

/** A file in the database's directory. LevelDB ignores files with unknown names. */
export const markName = "ACKNOWLEDGED";

const slotBytes = 512;

const isTally = (value: Partial<Tally>): value is Tally =>
	[value.written, value.removed, value.at].every(Number.isSafeInteger);

/** Parses a tally from JSON; undefined if the text is not one. */
export function parseTally<T extends Tally>(text: string): T | undefined {
	try {
		const value: unknown = JSON.parse(text);
		const found = (value ?? {}) as Partial<T>;
		return isTally(found) ? (found as T) : undefined;
	} catch {
		return undefined;
	}
}

/**
 * Reads the newer of the two marks, skipping damaged ones. Undefined if there is none, as in a
 * database from an older version.
 */
export async function readMark(
	directory: string,
): Promise<AcknowledgedMark | undefined> {
	const bytes = await readFile(join(directory, markName)).catch(() =>
		Buffer.alloc(0),
	);
	// read each slot at its offset: slot 0 is all NULs until it is first written
	return [0, slotBytes]
		.flatMap((at) => {
			const line = bytes.toString("utf8", at, at + slotBytes);
			const [sum = "", json = ""] = line.trim().split(/ (.*)/s);
			const mark = parseTally<AcknowledgedMark>(json);
			return mark && sum === crc32(json).toString(16) ? [mark] : [];
		})
		.sort((a, b) => b.serial - a.serial)[0];
}

/**
 * Writes marks alternately to two slots of one file, so one of them is intact even after a crash.
 * It writes in place and does not sync: an older mark after a crash only detects less loss, and a
 * new file every second would look like a change of the directory.
 */
export function createMarkFile(directory: string): {
	write(mark: AcknowledgedMark): Promise<void>;
} {
	return {
		write: async (mark) => {
			const json = JSON.stringify(mark);
			const line = `${crc32(json).toString(16)} ${json}`;
			const file = await open(
				join(directory, markName),
				constants.O_WRONLY | constants.O_CREAT,
				0o600,
			);
			const bytes = `${line.padEnd(slotBytes - 1)}\n`;
			const slot = mark.serial % 2;
			await file.write(bytes, slot * slotBytes).finally(() => file.close());
		},
	};
}
