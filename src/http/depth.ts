import { setImmediate as nextTurn } from "node:timers/promises";

/** Bytes looked at before other work has its turn. */
const turnBytes = 1024 * 1024;

const quote = 0x22;
const backslash = 0x5c;

/**
 * Whether JSON text has more levels than allowed, without parsing it: parsers and
 * whatever walks what they made are defenceless against a million levels. Strings
 * are passed over.
 */
export async function isDeeperThan(
	levels: number,
	bytes: Buffer,
): Promise<boolean> {
	let depth = 0;
	let inString = false;
	let isEscaped = false;
	for (let from = 0; from < bytes.length; from += turnBytes) {
		if (from > 0) await nextTurn();
		const part = bytes.subarray(from, from + turnBytes);
		for (const byte of part) {
			if (inString) {
				if (isEscaped) isEscaped = false;
				else if (byte === backslash) isEscaped = true;
				else if (byte === quote) inString = false;
			} else if (byte === quote) inString = true;
			else if (byte === 0x5b || byte === 0x7b) {
				if (++depth > levels) return true;
			} else if (byte === 0x5d || byte === 0x7d) depth--;
		}
	}
	return false;
}
