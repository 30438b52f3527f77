import { atoi } from "./c-text.ts";

/** A part of a command line: text, or the place of an argument. */
export type Piece =
	| string
	| {
			/** `$ARGn$`, from 1 to 16. */
			readonly argument: number;
			/** What stands between the dollars. */
			readonly name: string;
	  };

/** How many arguments a request can have. */
const maxArguments = 16;
/** NRPE's buffers of command lines have so many bytes, with a NUL at the end. */
const bufferBytes = 2048;

/**
 * Divides a command line at its dollars, as NRPE does: what stands between the first and the second,
 * the third and the fourth and so on is the name of a macro. The last one needs no dollar at its
 * end. `ARG` and a number stands for an argument, and for nothing if there is none of this number;
 * an empty name for a dollar; another name for itself, with a dollar at both ends.
 */
export function piecesOf(line: string): Piece[] {
	return line.split("$").map((text, index): Piece => {
		if (index % 2 === 0) return text;
		if (text === "") return "$";
		if (!text.startsWith("ARG")) return `$${text}$`;
		const argument = atoi(text.slice(3));
		return argument >= 1 && argument <= maxArguments
			? { argument, name: text }
			: "";
	});
}

/** Whether a command line has a dollar too many, to which NRPE adds one at the end. */
export const hasLoneDollar = (line: string): boolean =>
	line.split("$").length % 2 === 0;

/**
 * The line that NRPE gives to the shell: with the prefix, cut where its buffers end.
 * @param prefix `command_prefix`
 */
export const rawLine = (line: string, prefix: string | undefined): string =>
	prefix === undefined
		? line.slice(0, bufferBytes - 1)
		: `${prefix} ${line}`.slice(0, bufferBytes - 2);

/**
 * The command line with arguments, as NRPE makes it: a piece that has no room is left out.
 * @param given texts of arguments, one character for each byte
 */
export function expanded(line: string, given: readonly string[]): string {
	let text = "";
	for (const [index, written] of line.split("$").entries()) {
		if (text.length + written.length >= bufferBytes - 1) continue;
		const piece = index % 2 === 0 ? written : piecesOf(`$${written}`)[1];
		text +=
			typeof piece === "object" ? (given[piece.argument - 1] ?? "") : piece;
		text = text.slice(0, bufferBytes - 1);
	}
	return text;
}

/**
 * How many bytes all arguments of a line may have together, so that NRPE leaves nothing out.
 * Negative if even the text is too long.
 */
export function roomForArguments(line: string): number {
	const pieces = piecesOf(line);
	let text = 0;
	let longestName = 0;
	const uses = new Map<number, number>();
	for (const piece of pieces)
		if (typeof piece === "string") text += piece.length;
		else {
			longestName = Math.max(longestName, piece.name.length);
			uses.set(piece.argument, (uses.get(piece.argument) ?? 0) + 1);
		}
	const room = bufferBytes - 2 - text - longestName;
	return Math.floor(room / Math.max(1, ...uses.values()));
}
