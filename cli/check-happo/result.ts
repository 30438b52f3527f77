import type { components } from "../../generated/schema.ts";
import {
	accessDenied,
	accessDeniedReason,
	isRecord,
	reasonIn,
} from "../../src/protocol/reason.ts";
import type { HttpAnswer } from "./http-answer.ts";

type ProblemType = components["schemas"]["ProblemType"];

/** What check_happo prints on standard output, and its exit status. */
export interface Result {
	output: string;
	status: number;
}

/** An agent's message if a plugin printed nothing at all. */
const nothingPrinted = "stdout=, stderr=";

const critical = 2;
const unknown = 3;

/** Makes a text from other machines safe to print on one line, which has no performance data. */
export const oneLine = (text: string) =>
	text
		// biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be printed
		.replace(/[\0-\x1f\x7f-\x9f\u2028\u2029]+/g, " ")
		.replaceAll("|", "¦")
		.trim();

/**
 * The result if the agent fails or cannot be reached. It is CRITICAL, not UNKNOWN, so that a
 * service does not flap between the two when an agent dies.
 */
export const agentError = (reason: string): Result => ({
	output: `ERROR(happo-agent): ${oneLine(reason)}\n`,
	status: critical,
});

/** The result for an invalid answer or an error of check_happo itself. */
export const ownError = (reason: string): Result => ({
	output: `ERROR(check_happo): ${oneLine(reason)}\n`,
	status: critical,
});

/**
 * The exit status for a `return_value`. Outside 0 to 255 it is the low byte, as with v1: an agent
 * answers -1 for a killed plugin, which becomes 255. Other values that would become 0, which is OK,
 * are UNKNOWN.
 */
function exitStatus(value: number): number {
	const kept = ((value % 256) + 256) % 256;
	return kept === 0 && value !== 0 ? unknown : kept;
}

/** No reason is taken from a longer body, in bytes. */
const maxReasonBytes = 64 * 1024;
/** A longer reason, in characters, is cut. */
const maxReasonLength = 500;

/**
 * Problems of an agent that works and answers: its policy does not permit the check, or not so
 * often. The state of what was to be checked is unknown.
 */
const ofPolicies: ReadonlySet<unknown> = new Set<ProblemType>([
	"urn:happo:problem:not-permitted",
	"urn:happo:problem:rate-limited",
]);

/**
 * The reason in the body of a refusal, in the words of happo-ctl, and whether a policy refused;
 * the reason is empty if there is none.
 */
function refusal(body: Buffer): { reason: string; isByPolicy?: boolean } {
	if (body.length > maxReasonBytes) return { reason: "" };
	const text = body.toString("utf8");
	if (text.trim() === accessDenied)
		return { reason: `${accessDenied}: ${accessDeniedReason}` };
	try {
		const value: unknown = JSON.parse(text);
		// an OK result does not explain a failure
		if (!isRecord(value) || value.return_value === 0) return { reason: "" };
		return {
			reason: oneLine(reasonIn(value).slice(0, maxReasonLength)),
			isByPolicy: ofPolicies.has(value.type),
		};
	} catch {
		return { reason: "" };
	}
}

/** Turns an agent's answer into a result. */
export function resultOf({
	status,
	body,
}: Pick<HttpAnswer, "status" | "body">): Result {
	if (status !== 200) {
		const { reason, isByPolicy } = refusal(body);
		const text = `happo-agent returns ${status}${reason && `: ${reason}`}`;
		return status === 504 || isByPolicy
			? { output: `UNKNOWN(happo-agent): ${text}\n`, status: unknown }
			: agentError(text);
	}
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
	// an answer of another program must not be OK
	if (!Number.isSafeInteger(value) || typeof message !== "string")
		return ownError(
			"the answer has no whole number return_value, or no text message",
		);
	return {
		// show that the plugin may be doing nothing at all
		output:
			value === 0 && message === nothingPrinted
				? `${message} (the plugin printed nothing)\n`
				: message,
		status: exitStatus(value as number),
	};
}
