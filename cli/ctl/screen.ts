import type { Writable } from "node:stream";
import { createPaint, type Paint } from "./paint.ts";

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
