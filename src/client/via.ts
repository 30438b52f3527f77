import { Buffer } from "node:buffer";
import { type Hop, hopText } from "../protocol/hop.ts";
import type { Fetched } from "../relay/https-fetch.ts";
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

// how the details of a bastion's refusals begin, or what they say
const ofRelay =
	/^(proxy_hostport|request_json|request_type)\b|requests are on their way|relayed requests/;

/** A bastion refused to relay, and said so in a problem. */
function isRefusal(
	answer: Fetched,
	body: Record<string, unknown>,
	path: string,
) {
	const { title, detail, return_value, message } = body;
	if (typeof title !== "string" || return_value !== 3) return false;
	if (message !== detail) return false;
	// of all operations only /monitor has problems of the same shape
	if (path !== "/monitor") return true;
	const isPassedOn = answer.headers["x-content-type-options"] === "nosniff";
	const isOurs = answer.contentType === "application/problem+json";
	return (isOurs && !isPassedOn) || ofRelay.test(String(detail));
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
	if (body === undefined)
		return method === "GET" && status === 404
			? new AgentUnreachable(
					`through ${place}: no such operation there, or the last bastion is an original agent, which cannot relay GET`,
				)
			: undefined;
	// every other operation answers a problem, /monitor its own failures with 2
	if (status === 500 && body.return_value === 3 && body.title === undefined)
		return new AgentUnreachable(said);
	if (isRefusal(answer, body, path))
		return new AgentUnreachable(`through ${place}: ${said}`);
	if (method === "GET" && String(body.detail).startsWith(`/get${path}`))
		return new AgentUnreachable(
			`through ${place}: the last bastion is an original agent, which cannot relay GET`,
		);
	return undefined;
}
