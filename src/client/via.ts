import { Buffer } from "node:buffer";
import { type Hop, hopText } from "../protocol/hop.ts";
import type { Fetched } from "../relay/https-fetch.ts";
import { type ProblemType, problemType } from "./answer-check.ts";
import { AgentUnreachable } from "./failures.ts";

/** A request as sent to a hop. */
export interface Sent {
	method: "GET" | "POST";
	/** With a leading slash and without a query. */
	path: string;
	headers: Record<string, string>;
	body: Buffer;
}

/**
 * Wraps a request for the first bastion.
 * @param hops the hops after it; the last one is the agent
 */
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
		// a relay passes no headers on
		headers: {},
		body: Buffer.from(JSON.stringify(request)),
	};
}

/** Larger bodies are not errors of a relay. */
const maxErrorBytes = 65_536;

function fieldsOf({ body }: Fetched): Record<string, unknown> | undefined {
	if (body.length > maxErrorBytes) return undefined;
	try {
		const value: unknown = JSON.parse(body.toString("utf8"));
		return typeof value === "object" && value !== null
			? (value as Record<string, unknown>)
			: undefined;
	} catch {
		return undefined;
	}
}

/** Problems that only a relay answers. */
const ofRelays: ReadonlySet<ProblemType | undefined> = new Set([
	"urn:happo:problem:bad-relay",
	"urn:happo:problem:destination-forbidden",
	"urn:happo:problem:relay-busy",
]);

/**
 * Whether a bastion refused to relay and answered a problem. Problems of older agents have no type.
 * For those, the shape and a header decide: answers that a bastion passes on have
 * `X-Content-Type-Options`, its own answers do not. So if an older bastion after the first one
 * refuses to relay a check, its refusal counts as the agent's.
 */
function isRefusal(
	answer: Fetched,
	body: Record<string, unknown>,
	path: string,
) {
	if (ofRelays.has(problemType(body))) return true;
	if (typeof body.title !== "string" || body.return_value !== 3) return false;
	// only /monitor answers problems of the same shape
	if (path !== "/monitor") return true;
	const isPassedOn = answer.headers["x-content-type-options"] === "nosniff";
	return answer.contentType === "application/problem+json" && !isPassedOn;
}

/**
 * Why a GET has no answer: the last bastion is v1 and has posted the request to `/get/...`. The
 * agent's answer may have a type. Without one, it is not JSON if the agent is v1, or a problem with
 * 404, which older agents answer only in this case.
 */
function misrelayed(
	status: number,
	body: Record<string, unknown> | undefined,
): string | undefined {
	const reason = "the last bastion is v1 (Go), which cannot relay GET";
	const type = problemType(body);
	if (type === "urn:happo:problem:misrelayed-get") return reason;
	return status === 404 &&
		type === undefined &&
		(body === undefined || typeof body.title === "string")
		? `no such operation there, or ${reason}`
		: undefined;
}

/**
 * The error if the first bastion's answer means that relaying failed; undefined if it is the
 * agent's answer. `Access Denied` counts as the agent's, because its text is the same everywhere.
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
	// other operations of an agent answer problems, and /monitor answers its own failures with 2
	if (status === 500 && body.return_value === 3 && body.title === undefined)
		return new AgentUnreachable(said);
	if (isRefusal(answer, body, path))
		return new AgentUnreachable(`through ${place}: ${said}`);
	return undefined;
}
