import { STATUS_CODES } from "node:http";
import { answerOffence } from "./answer-check.ts";
import { AgentUnreachable, UnexpectedAnswer } from "./failures.ts";

/** The result of a call of openapi-fetch. */
export interface Answered {
	data?: unknown;
	error?: unknown;
	response: Response;
}

/** The error for an error answer without a body, which a proxy may send. */
const withoutBody = (status: number) => ({
	type: "about:blank",
	title: STATUS_CODES[status] ?? "Error",
	status,
});

/**
 * Checks an answer before the caller gets it. Every error status gets an `error`, and the data of
 * the operation must have the shape of the contract.
 * @param operation method and path as in the contract; undefined: data is not checked
 * @throws AgentUnreachable if the body is not JSON, UnexpectedAnswer if it does not fit the contract
 */
export async function checkedAnswer(
	place: string,
	operation: string | undefined,
	asked: Promise<unknown>,
): Promise<Answered> {
	let answer: Answered;
	try {
		answer = (await asked) as Answered;
	} catch (cause) {
		if (!(cause instanceof SyntaxError)) throw cause;
		throw new AgentUnreachable(`${place}: the answer is not JSON`, { cause });
	}
	const { data, error, response } = answer;
	const { status } = response;
	if (status >= 400 && (error === undefined || error === ""))
		return { ...answer, error: withoutBody(status) };
	if (data === undefined || operation === undefined) return answer;
	const offence = answerOffence(operation, data);
	if (offence) throw new UnexpectedAnswer(place, status, offence);
	return answer;
}
