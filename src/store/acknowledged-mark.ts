import { constants } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { AcknowledgedLog } from "./inspection.ts";

/** What was acknowledged up to a moment. */
export interface Tally {
	/** Metrics and machine states that were ever stored, in entries of the store. */
	written: number;
	/** How many of them were deleted since: taken, or too old. */
	removed: number;
	/** When the last one was stored; milliseconds since 1970. */
	at: number;
}

export interface AcknowledgedMark extends Tally {
	/** The later of two marks has the larger one. */
	serial: number;
	/** LevelDB's log then, and how much of it there was. */
	log?: AcknowledgedLog;
}

/** In the directory of the database; LevelDB leaves files of other names alone. */
export const markName = "ACKNOWLEDGED";

const slotBytes = 512;

const isTally = (value: Partial<Tally>): value is Tally =>
	[value.written, value.removed, value.at].every(Number.isSafeInteger);

/** A tally from its JSON; undefined if it is none. */
export function parseTally<T extends Tally>(text: string): T | undefined {
	try {
		const value: unknown = JSON.parse(text);
		const found = (value ?? {}) as Partial<T>;
		return isTally(found) ? (found as T) : undefined;
	} catch {
		return undefined;
	}
}

/** The newest of the two marks that is intact; undefined without one, as in an older database. */
export async function readMark(
	directory: string,
): Promise<AcknowledgedMark | undefined> {
	const bytes = await readFile(join(directory, markName)).catch(() =>
		Buffer.alloc(0),
	);
	// each by its place: the first place is NULs while only the second was written
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
 * Writes marks in turn to two places of a file, so that one is intact whatever
 * happens. In place and without a sync: an older mark after a crash says less,
 * and a new file each second would look like a change of the directory.
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
