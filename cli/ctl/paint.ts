import { styleText } from "node:util";

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
