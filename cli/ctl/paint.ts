const codes = {
	bold: 1,
	dim: 2,
	red: 31,
	green: 32,
	yellow: 33,
	cyan: 36,
	magenta: 35,
} as const;

export type Colour = keyof typeof codes;

/** Colours a text, or leaves it. */
export type Paint = (text: string, colour: Colour | undefined) => string;

/** @param isColoured whether it is a terminal that wants colour */
export function createPaint(isColoured: boolean): Paint {
	return (text, colour) =>
		isColoured && colour && text !== ""
			? `\x1b[${codes[colour]}m${text}\x1b[0m`
			: text;
}
