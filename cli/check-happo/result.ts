import type { HttpAnswer } from "./http-answer.ts";

/** What check_happo prints on standard output, and its exit status. */
export interface Result {
	output: string;
	status: number;
}

/** How agents word that a plugin printed nothing on either output. */
const nothingPrinted = "stdout=, stderr=";

const critical = 2;
const unknown = 3;

/** One line, whatever other machines put into it. */
export const oneLine = (text: string) =>
	// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not get out
	text.replace(/[\0-\x1f\x7f-\x9f\u2028\u2029]+/g, " ").trim();

/**
 * The agent cannot be reached or fails. CRITICAL, and not UNKNOWN, so that a
 * service does not flap between the two when an agent dies.
 */
export const agentError = (reason: string): Result => ({
	output: `ERROR(happo-agent): ${oneLine(reason)}\n`,
	status: critical,
});

/** The answer makes no sense, or the error is our own. */
export const ownError = (reason: string): Result => ({
	output: `ERROR(check_happo): ${oneLine(reason)}\n`,
	status: critical,
});

/**
 * The exit status of a `return_value`. Beyond 0 to 255 the operating system keeps
 * the low byte, as it did for the original (-1, from an agent whose plugin was
 * killed, is 255); what would become 0 that way is UNKNOWN and never OK.
 */
function exitStatus(value: number): number {
	const kept = ((value % 256) + 256) % 256;
	return kept === 0 && value !== 0 ? unknown : kept;
}

/** The result that an agent's answer stands for. */
export function resultOf({ status, body }: HttpAnswer): Result {
	if (status === 504)
		return {
			output: "UNKNOWN(happo-agent): happo-agent returns 504\n",
			status: unknown,
		};
	if (status !== 200) return agentError(`happo-agent returns ${status}`);
	let answer: unknown;
	try {
		answer = JSON.parse(body.toString("utf8"));
	} catch (error) {
		return ownError(`the answer is not JSON: ${(error as Error).message}`);
	}
	const { return_value: value, message } = (answer ?? {}) as {
		return_value?: unknown;
		message?: unknown;
	};
	// a page of something else must not be OK
	if (!Number.isSafeInteger(value) || typeof message !== "string")
		return ownError(
			"the answer has no whole number return_value, or no text message",
		);
	return {
		// OK for ever, of a plugin that does nothing, must not look like any other OK
		output:
			value === 0 && message === nothingPrinted
				? `${message} (the plugin printed nothing)\n`
				: message,
		status: exitStatus(value as number),
	};
}
