import { setImmediate as nextTurn } from "node:timers/promises";
import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";

/** Bytes looked at before other work has its turn. */
const turnBytes = 1024 * 1024;

const replacement = Buffer.from("\u{fffd}");

/** Length of the UTF-8 sequence at a place; 0 where there is none. */
function sequenceAt(bytes: Buffer, at: number): number {
	const first = bytes[at] ?? 0;
	if (first < 0x80) return 1;
	const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (length === 0 || first > 0xf4) return 0;
	for (let more = 1; more < length; more++)
		if (((bytes[at + more] ?? 0) & 0xc0) !== 0x80) return 0;
	const second = bytes[at + 1] ?? 0;
	// longer than needed, half of a surrogate pair, beyond the last character
	const isBad =
		(first === 0xe0 && second < 0xa0) ||
		(first === 0xed && second > 0x9f) ||
		(first === 0xf0 && second < 0x90) ||
		(first === 0xf4 && second > 0x8f);
	return isBad ? 0 : length;
}

/** The bytes with U+FFFD in the place of every byte that is not UTF-8, as Go's decoder reads them. */
export async function withReplacements(bytes: Buffer): Promise<Buffer> {
	const parts: Buffer[] = [];
	let from = 0;
	let pause = turnBytes;
	for (let at = 0; at < bytes.length; ) {
		if (at >= pause) {
			pause += turnBytes;
			await nextTurn();
		}
		const length = sequenceAt(bytes, at);
		if (length === 0) {
			if (at > from) parts.push(bytes.subarray(from, at));
			parts.push(replacement);
			from = at + 1;
		}
		at += length || 1;
	}
	parts.push(bytes.subarray(from));
	return Buffer.concat(parts);
}

/** Clients and their operations that are told apart. */
const most = 1_000;

/**
 * Logs that a client sends bodies that are not UTF-8: once an hour for each of its
 * operations, with the number of times.
 * @param parts.now a clock in milliseconds
 */
export function createUtf8Warnings(parts: {
	log: Pick<Log, "warning" | "error">;
	now: () => number;
}): (client: string, operation: string) => void {
	const repeats = createLogRepeats({
		log: parts.log,
		elapsed: parts.now,
		most,
	});
	return (client, operation) => {
		const subject = `${operation} from ${client}`;
		repeats.wrong(subject, {
			kind: "not UTF-8",
			level: "warning",
			lines: [
				`${subject}: the body is not UTF-8, its other bytes were replaced by U+FFFD`,
			],
		});
	};
}
