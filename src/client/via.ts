import { Buffer } from "node:buffer";
import { type Hop, hopText } from "../protocol/hop.ts";
import type { Fetched } from "../relay/https-fetch.ts";
import { type ProblemType, problemType } from "./answer-check.ts";
import { AgentUnreachable } from "./failures.ts";

/** A request as it goes to a hop. */
export interface Sent {
	method: "GET" | "POST";
	/** With a leading slash, without a query. */
	path: string;
	headers: Record<string, string>;
	body: Buffer;
}

/** A request wrapped for the first bastion: the other hops, the agent last, are its. */
export function relayed(
	{ method, path, body }: Sent,
	hops: readonly Hop[],
	apiKey: string | undefined,
): Sent {
	const request = {
		...(apiKey !== undefined && { apikey: apiKey }),
		proxy_hostport: hops.map(hopText),
		request_type: method === "GET" ? `get${path}` : path.slice(1),
		request_json: body.length > 0 ? body.toString("base64") : null,
	};
	return {
		method: "POST",
		path: "/proxy",
		// a relay passes none on
		headers: {},
		body: Buffer.from(JSON.stringify(request)),
	};
}

/** Bodies above this are no error of a relay. */
const longestError = 65_536;

function fieldsOf({ body }: Fetched): Record<string, unknown> | undefined {
	if (body.length > longestError) return undefined;
	try {
		const value: unknown = JSON.parse(body.toString("utf8"));
		return typeof value === "object" && value !== null
			? (value as Record<string, unknown>)
			: undefined;
	} catch {
		return undefined;
	}
}

/** Problems that only relays have, whatever was relayed. */
const ofRelays: ReadonlySet<ProblemType | undefined> = new Set([
	"urn:happo:problem:bad-relay",
	"urn:happo:problem:destination-forbidden",
	"urn:happo:problem:relay-busy",
]);

/**
 * A bastion refused to relay, and said so in a problem. Agents that are too old
 * for types are judged by the shape of the problem and by a header: what a bastion
 * passes on has `X-Content-Type-Options`, what it says itself has not. The refusal
 * of one behind the first, to relay a check, is then taken for the agent's.
 */
function isRefusal(
	answer: Fetched,
	body: Record<string, unknown>,
	path: string,
) {
	if (ofRelays.has(problemType(body))) return true;
	if (typeof body.title !== "string" || body.return_value !== 3) return false;
	// of all operations only /monitor has problems of the same shape
	if (path !== "/monitor") return true;
	const isPassedOn = answer.headers["x-content-type-options"] === "nosniff";
	return answer.contentType === "application/problem+json" && !isPassedOn;
}

/**
 * Why a GET was not answered: the last bastion has posted it to `/get/...`, as the
 * original does. Of the answers without a type those of the original are no JSON,
 * and of agents that were too old for types nothing but this is a problem with 404.
 */
function misrelayed(
	status: number,
	body: Record<string, unknown> | undefined,
): string | undefined {
	const original =
		"the last bastion is an original agent, which cannot relay GET";
	const type = problemType(body);
	if (type === "urn:happo:problem:misrelayed-get") return original;
	return status === 404 &&
		type === undefined &&
		(body === undefined || typeof body.title === "string")
		? `no such operation there, or ${original}`
		: undefined;
}

/**
 * Why an answer of the first bastion is not the agent's: the relay itself failed.
 * Undefined if it is the agent's, as far as one can tell: `Access Denied` has the
 * same words everywhere.
 */
export function relayFailure(
	answer: Fetched,
	{ method, path }: Pick<Sent, "method" | "path">,
	first: Hop,
): AgentUnreachable | undefined {
	const { status } = answer;
	if (status < 400) return undefined;
	const body = fieldsOf(answer);
	const place = hopText(first);
	const said = String(body?.message ?? body?.detail ?? `status ${status}`);
	if (status === 504) return new AgentUnreachable(said, { isTimeout: true });
	const lost = method === "GET" ? misrelayed(status, body) : undefined;
	if (lost) return new AgentUnreachable(`through ${place}: ${lost}`);
	if (body === undefined) return undefined;
	// every other operation answers a problem, /monitor its own failures with 2
	if (status === 500 && body.return_value === 3 && body.title === undefined)
		return new AgentUnreachable(said);
	if (isRefusal(answer, body, path))
		return new AgentUnreachable(`through ${place}: ${said}`);
	return undefined;
}
