import type { Writable } from "node:stream";
import { styleText } from "node:util";
import { eastAsianWidth } from "get-east-asian-width";

/** Characters that control the terminal, reorder or hide text, or are invalid. */
export const unsafe =
	/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/gu;

function escaped(character: string): string {
	const code = character.charCodeAt(0);
	return code <= 0xff
		? `\\x${code.toString(16).padStart(2, "0")}`
		: `\\u${code.toString(16).padStart(4, "0")}`;
}

/** A text on one line, with unsafe characters escaped, so that it cannot control the terminal. */
export const safeLine = (text: string) => text.replace(unsafe, escaped);

/**
 * The same for several lines: keeps line ends and tabs, removes a carriage return before a line
 * end.
 */
export const safeLines = (text: string) =>
	text
		.replaceAll("\r\n", "\n")
		.replace(unsafe, (c) => (c === "\n" || c === "\t" ? c : escaped(c)));

/** The output of a program, escaped and with a line end after the last line. */
export const endedLines = (text: string) => {
	const safe = safeLines(text);
	return safe === "" || safe.endsWith("\n") ? safe : `${safe}\n`;
};

/** Joiners, and marks that combine with the character before them. */
const zeroWidth = /[\p{M}\u200b-\u200d]/u;

const columnsOf = (character: string) =>
	zeroWidth.test(character) ? 0 : eastAsianWidth(character.codePointAt(0) ?? 0);

/** Number of terminal columns that a text on one line takes. */
export function displayWidth(text: string): number {
	let width = 0;
	for (const character of text) width += columnsOf(character);
	return width;
}

/** Cuts a text to this number of columns and marks the cut with an ellipsis. */
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

/** Cuts a text in its middle to this number of columns: names often differ only at their ends. */
export function fittedInMiddle(text: string, columns: number): string {
	if (displayWidth(text) <= columns) return text;
	const before = Math.ceil((columns - 1) / 2);
	const after = columns - 1 - before;
	const characters = [...text];
	let end = "";
	for (let width = 0; characters.length > 0; ) {
		const last = characters.pop() ?? "";
		width += columnsOf(last);
		if (width > after) break;
		end = last + end;
	}
	return fitted(text, before + 1) + end;
}

/**
 * Wraps a text of one line at its blanks; a word that is too long stays whole, so that it can be
 * copied. All lines but the first are indented.
 * @param columns width of the lines; undefined: does not wrap
 */
export function wrapped(
	text: string,
	columns: number | undefined,
	indent: number,
): string {
	if (columns === undefined) return text;
	const lines: string[] = [];
	let line = "";
	for (const word of text.split(" ")) {
		const longer = line === "" ? word : `${line} ${word}`;
		if (line !== "" && indent + displayWidth(longer) > columns) {
			lines.push(line);
			line = word;
		} else line = longer;
	}
	return [...lines, line].join(`\n${" ".repeat(indent)}`);
}

export type Colour =
	| "bold"
	| "dim"
	| "red"
	| "green"
	| "yellow"
	| "cyan"
	| "magenta";

/** Colours a text, or returns it unchanged. */
export type Paint = (text: string, colour: Colour | undefined) => string;

/** @param isColoured whether the output is a terminal with colours */
export function createPaint(isColoured: boolean): Paint {
	return (text, colour) =>
		isColoured && colour && text !== ""
			? // the caller has checked the stream, which may not be standard output
				styleText(colour, text, { validateStream: false })
			: text;
}

/** How to lay out a text for people. */
export interface Screen {
	/** Width in characters; undefined if the output is no terminal: then nothing is cut. */
	columns: number | undefined;
	paint: Paint;
}

/** A stream, possibly of a terminal. */
type MaybeTerminal = Writable & { isTTY?: boolean; columns?: number };

/**
 * Width and colours of a stream. Uses no colours if NO_COLOR is not empty (no-color.org) or TERM is
 * `dumb`.
 */
export function screenOf(
	stream: Writable,
	environment: NodeJS.ProcessEnv,
): Screen {
	const { isTTY, columns } = stream as MaybeTerminal;
	const colour =
		Boolean(isTTY) && !environment.NO_COLOR && environment.TERM !== "dumb";
	return {
		// 0 means that the terminal does not know its width
		columns: isTTY ? columns || 80 : undefined,
		paint: createPaint(colour),
	};
}
