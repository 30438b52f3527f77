import { setImmediate as nextTurn } from "node:timers/promises";

/** Bytes looked at before other work has its turn. */
const turnBytes = 1024 * 1024;

/** Bytes of a large list that are parsed at once. */
const sliceBytes = 256 * 1024;

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openList = 0x5b;
const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;

/** A list as a range of bytes, without its brackets, and commas to cut it at. */
export interface LargeList {
	from: number;
	to: number;
	cuts: number[];
}

/** What JSON text looks like from outside; its strings are passed over. */
export interface Outline {
	/** Levels, at most one more than was asked for. */
	depth: number;
	/** The first list inside the outermost object that is worth cutting. */
	list: LargeList | undefined;
}

/** Where a walk is, between two turns. */
interface Walk extends Outline {
	inString: boolean;
	isEscaped: boolean;
	/** A list of the second level that has not ended. */
	open: LargeList | undefined;
	/** Where the slice begins that has not ended. */
	sliceFrom: number;
}

/**
 * Walks from a byte to another. Runs for every byte of every request: without
 * `await` in it, and with its state in variables, it takes a third of the time.
 */
function walk(
	state: Walk,
	bytes: Buffer,
	[from, end]: readonly [number, number],
	mostLevels: number,
): Walk {
	let { depth, list, inString, isEscaped, open, sliceFrom } = state;
	for (let at = from; at < end; at++) {
		let byte = bytes[at];
		if (inString) {
			if (isEscaped) {
				isEscaped = false;
				continue;
			}
			// most bytes are in strings
			while (byte !== quote && byte !== backslash && ++at < end)
				byte = bytes[at];
			if (at === end) break;
			if (byte === backslash) isEscaped = true;
			else inString = false;
		} else if (byte === quote) inString = true;
		else if (byte === openList || byte === openObject) {
			if (++depth > mostLevels) break;
			if (depth !== 2 || byte !== openList || list) continue;
			sliceFrom = at + 1;
			open = { from: sliceFrom, to: sliceFrom, cuts: [] };
		} else if (byte === closeList || byte === closeObject) {
			if (--depth !== 1 || !open) continue;
			open.to = at;
			if (open.cuts.length > 0 && byte === closeList) list = open;
			open = undefined;
		} else if (byte === comma && depth === 2 && open) {
			if (at - sliceFrom <= sliceBytes) continue;
			open.cuts.push(at);
			sliceFrom = at + 1;
		}
	}
	return { depth, list, inString, isEscaped, open, sliceFrom };
}

/**
 * Walks over JSON text without parsing it, with a turn for others every mebibyte.
 * Parsers, and whatever walks what they made, are defenceless against a million
 * levels: the walk ends beyond `mostLevels`.
 */
export async function outlineOf(
	bytes: Buffer,
	mostLevels: number,
): Promise<Outline> {
	let state: Walk = {
		depth: 0,
		list: undefined,
		inString: false,
		isEscaped: false,
		open: undefined,
		sliceFrom: 0,
	};
	for (let from = 0; from < bytes.length; from += turnBytes) {
		if (from > 0) await nextTurn();
		const end = Math.min(from + turnBytes, bytes.length);
		state = walk(state, bytes, [from, end], mostLevels);
		if (state.depth > mostLevels)
			return { depth: state.depth, list: undefined };
	}
	return { depth: state.depth, list: state.list };
}
