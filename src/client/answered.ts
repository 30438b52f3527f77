import { STATUS_CODES } from "node:http";
import { answerOffence } from "./answer-check.ts";
import { AgentUnreachable, UnexpectedAnswer } from "./failures.ts";

/** What a call of openapi-fetch gives. */
export interface Answered {
	data?: unknown;
	error?: unknown;
	response: Response;
}

/** What stands for the body of an error that came without one, as a proxy in between sends it. */
const withoutBody = (status: number) => ({
	type: "about:blank",
	title: STATUS_CODES[status] ?? "Error",
	status,
});

/**
 * An answer as callers of the client get it: an error is there whenever the status
 * is one, and the data of an operation that is named has the shape of the contract.
 * @param operation method and path as the contract writes them; undefined: data is not checked
 * @throws AgentUnreachable if the body is no JSON, UnexpectedAnswer if it is not of the contract
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
