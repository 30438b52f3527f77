import type { Writable } from "node:stream";
import { styleText } from "node:util";
import { eastAsianWidth } from "get-east-asian-width";

/** What moves a cursor, colours, reorders or hides text, and what is no character at all. */
export const unsafe =
	/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/gu;

function escaped(character: string): string {
	const code = character.charCodeAt(0);
	return code <= 0xff
		? `\\x${code.toString(16).padStart(2, "0")}`
		: `\\u${code.toString(16).padStart(4, "0")}`;
}

/** A text on one line: what an agent sent cannot do anything to a terminal. */
export const safeLine = (text: string) => text.replace(unsafe, escaped);

/** The same for several lines: line ends and tabs stay, a carriage return before a line end goes. */
export const safeLines = (text: string) =>
	text
		.replaceAll("\r\n", "\n")
		.replace(unsafe, (c) => (c === "\n" || c === "\t" ? c : escaped(c)));

/** What a program printed, its last line ended. */
export const endedLines = (text: string) => {
	const safe = safeLines(text);
	return safe === "" || safe.endsWith("\n") ? safe : `${safe}\n`;
};

/** Marks that are drawn onto the character before them, and joiners. */
const zeroWidth = /[\p{M}\u200b-\u200d]/u;

const columnsOf = (character: string) =>
	zeroWidth.test(character) ? 0 : eastAsianWidth(character.codePointAt(0) ?? 0);

/** How many columns of a terminal a text on one line takes. */
export function displayWidth(text: string): number {
	let width = 0;
	for (const character of text) width += columnsOf(character);
	return width;
}

/** A text of at most so many columns; what is cut off is an ellipsis. */
export function fitted(text: string, columns: number): string {
	if (displayWidth(text) <= columns) return text;
	let kept = "";
	let width = 0;
	for (const character of text) {
		width += columnsOf(character);
		if (width > columns - 1) break;
		kept += character;
	}
	return columns > 0 ? `${kept}…` : "";
}

export type Colour =
	| "bold"
	| "dim"
	| "red"
	| "green"
	| "yellow"
	| "cyan"
	| "magenta";

/** Colours a text, or leaves it. */
export type Paint = (text: string, colour: Colour | undefined) => string;

/** @param isColoured whether it is a terminal that wants colour */
export function createPaint(isColoured: boolean): Paint {
	return (text, colour) =>
		isColoured && colour && text !== ""
			? // the caller has looked at the stream, which need not be standard output
				styleText(colour, text, { validateStream: false })
			: text;
}

/** What a text for people is laid out for. */
export interface Screen {
	/** Width in characters; undefined where it is no terminal, and nothing is cut. */
	columns: number | undefined;
	paint: Paint;
}

/** A stream that may be a terminal. */
type MaybeTerminal = Writable & { isTTY?: boolean; columns?: number };

/** NO_COLOR counts when it is not empty (no-color.org), and a dumb terminal has no colours. */
export function screenOf(
	stream: Writable,
	environment: NodeJS.ProcessEnv,
): Screen {
	const { isTTY, columns } = stream as MaybeTerminal;
	const colour =
		Boolean(isTTY) && !environment.NO_COLOR && environment.TERM !== "dumb";
	return {
		// a terminal that does not know its width says 0
		columns: isTTY ? columns || 80 : undefined,
		paint: createPaint(colour),
	};
}
