import { OptionsError } from "./options.ts";

const most = 999_999_999;

/** Checks `timeoutMilliseconds`; throws OptionsError. */
export function timeLimit(milliseconds = 60_000): number {
	if (milliseconds >= 1 && milliseconds <= most) return milliseconds;
	throw new OptionsError(
		`timeoutMilliseconds: not between 1 and ${most}: ${milliseconds}`,
	);
}
