import { setImmediate as nextTurn } from "node:timers/promises";

/** Bytes looked at before other work has its turn. */
const turnBytes = 1024 * 1024;

/** Bytes of a large list that are parsed at once. */
const sliceBytes = 256 * 1024;

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
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

/** How much a document may hold, so that neither its parsing nor its values take too much. */
export interface DocumentLimits {
	/** Levels of arrays and objects. */
	levels: number;
	/** Values in arrays and objects. */
	values: number;
	/** Values that are parsed at once: of a slice, or of a document without slices. */
	valuesAtOnce: number;
	/** Bytes of a field's name. */
	nameBytes: number;
}

/** What JSON text looks like from outside; its strings are passed over. */
export interface Outline {
	/** The limit that it is over, in words; the walk has ended there. */
	excess: string | undefined;
	/** The first list inside the outermost object that is worth cutting. */
	list: LargeList | undefined;
}

/** Where a walk is, between two turns. */
interface Walk extends Outline {
	inString: boolean;
	isEscaped: boolean;
	depth: number;
	/** Values so far, in all and since the last cut. */
	values: number;
	sinceCut: number;
	/** Where the last string begins and how long it is. */
	stringFrom: number;
	stringBytes: number;
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
	limits: DocumentLimits,
): Walk {
	let { depth, list, inString, isEscaped, open, sliceFrom } = state;
	let { values, sinceCut, stringFrom, stringBytes, excess } = state;
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
			else {
				inString = false;
				stringBytes = at - stringFrom;
			}
		} else if (byte === quote) {
			inString = true;
			stringFrom = at + 1;
		} else if (byte === openList || byte === openObject) {
			values++;
			sinceCut++;
			if (++depth > limits.levels) {
				excess = `more than ${limits.levels} levels deep`;
				break;
			}
			if (depth !== 2 || byte !== openList || list) continue;
			sliceFrom = at + 1;
			open = { from: sliceFrom, to: sliceFrom, cuts: [] };
		} else if (byte === closeList || byte === closeObject) {
			if (--depth !== 1 || !open) continue;
			open.to = at;
			if (open.cuts.length > 0 && byte === closeList) list = open;
			open = undefined;
		} else if (byte === comma) {
			values++;
			sinceCut++;
			if (values > limits.values) {
				excess = `more than ${limits.values} values`;
				break;
			}
			if (sinceCut > limits.valuesAtOnce) {
				excess = `more than ${limits.valuesAtOnce} values in one of its parts`;
				break;
			}
			if (depth !== 2 || !open || at - sliceFrom <= sliceBytes) continue;
			open.cuts.push(at);
			sliceFrom = at + 1;
			sinceCut = 0;
		} else if (byte === colon && stringBytes > limits.nameBytes) {
			excess = `a field's name is over ${limits.nameBytes} bytes`;
			break;
		}
	}
	return {
		...{ depth, list, inString, isEscaped, open, sliceFrom },
		...{ values, sinceCut, stringFrom, stringBytes, excess },
	};
}

/**
 * Walks over JSON text without parsing it, with a turn for others every mebibyte.
 * Parsers, and whatever walks what they made, are defenceless against a million
 * levels or values: the walk ends at the first limit.
 */
export async function outlineOf(
	bytes: Buffer,
	limits: DocumentLimits,
): Promise<Outline> {
	let state: Walk = {
		excess: undefined,
		depth: 0,
		values: 0,
		sinceCut: 0,
		stringFrom: 0,
		stringBytes: 0,
		list: undefined,
		inString: false,
		isEscaped: false,
		open: undefined,
		sliceFrom: 0,
	};
	for (let from = 0; from < bytes.length; from += turnBytes) {
		if (from > 0) await nextTurn();
		const end = Math.min(from + turnBytes, bytes.length);
		state = walk(state, bytes, [from, end], limits);
		if (state.excess !== undefined) break;
	}
	return { excess: state.excess, list: state.list };
}
