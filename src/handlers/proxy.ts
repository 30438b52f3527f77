import type { Handlers } from "../../generated/handlers.ts";
import { AgentError } from "../agent-error.ts";
import type { Body, Call, Facts, Reply } from "../operation.ts";
import type { Destinations } from "../protocol/destinations.ts";
import {
	type Hop,
	hopText,
	parseHop,
	toldMilliseconds,
} from "../protocol/hop.ts";
import { RelayError } from "../protocol/relay-error.ts";
import { mayRunTwice } from "../protocol/repeatable.ts";
import type { HttpsFetch } from "../relay/https-fetch.ts";
import { withFacts } from "./facts.ts";

type RelayRequest = Body<"relayRequest">;

/** The content type of an answer that has none. */
const unnamed = "application/octet-stream";

/** Limit of agents that a request passes through, including nested relays. */
const maxHops = 16;

const base64 =
	/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Decodes the request to deliver, which is base64 or JSON text. */
function payload(text: string | null | undefined): Buffer {
	if (text === null || text === undefined) return Buffer.alloc(0);
	if (/^\s*\{/.test(text)) return Buffer.from(text, "utf8");
	const joined = text.replace(/[\r\n]/g, "");
	if (!base64.test(joined))
		throw new AgentError(
			"bad-relay",
			"request_json: neither base64 nor a JSON object",
		);
	return Buffer.from(joined, "base64");
}

/** Limit of hops that are remembered as parsed; clients name the same few again and again. */
const maxParsed = 1_000;

const parsed = new Map<string, Hop>();

function hopOf(text: string): Hop | undefined {
	const known = parsed.get(text);
	if (known) return known;
	const hop = parseHop(text);
	if (!hop) return undefined;
	if (parsed.size >= maxParsed) parsed.clear();
	parsed.set(text, hop);
	return hop;
}

/** Parses all hops of a request, not only the next one. */
function hopsOf(request: RelayRequest, passed: number): Hop[] {
	const hops = request.proxy_hostport.map((text, index) => {
		const hop = hopOf(text);
		if (hop) return hop;
		throw new AgentError(
			"bad-relay",
			`proxy_hostport[${index}]: not HOST, HOST:PORT or an address: ${text.slice(0, 100)}`,
		);
	});
	if (passed + hops.length > maxHops)
		throw new AgentError(
			"bad-relay",
			`proxy_hostport: over ${maxHops} hops in all: ${passed} passed and ${hops.length} to go`,
		);
	return hops;
}

/** The request to the next hop: the final request itself, or a relay with one hop fewer. */
function nextRequest(request: RelayRequest, bytes: Buffer) {
	const { proxy_hostport } = request;
	// v1 (Go) put it into a URL unchanged; `get/` alone is GET /
	const request_type = request.request_type
		.replace(/^\//, "")
		.replace(/(?<!^get)\/$/, "");
	const isGet = request_type.startsWith("get/");
	const last = {
		method: isGet ? ("GET" as const) : ("POST" as const),
		path: isGet ? request_type.slice("get".length) : `/${request_type}`,
	};
	const twice = mayRunTwice(last.method, last.path);
	if (proxy_hostport.length > 1)
		return {
			method: "POST" as const,
			path: "/proxy",
			mayRunTwice: twice,
			// always in this order and as base64, which v1 agents expect
			body: Buffer.from(
				JSON.stringify({
					proxy_hostport: proxy_hostport.slice(1),
					request_type,
					request_json: bytes.length > 0 ? bytes.toString("base64") : null,
				}),
			),
		};
	const body = isGet ? Buffer.alloc(0) : bytes;
	return { ...last, mayRunTwice: twice, body };
}

/** POST /proxy: relays a request to the next hop, and its answer back. */
export function createProxy(parts: {
	fetch: HttpsFetch;
	destinations: Destinations;
	/** Setting `proxy-timeout-seconds`; 0 or less means no limit. */
	timeoutSeconds: number;
}): Handlers["relayRequest"] {
	/** Milliseconds that this relay may take; undefined means no limit. */
	const timeLeft = ({ millisecondsLeft }: Call): number | undefined => {
		const own =
			parts.timeoutSeconds > 0 ? parts.timeoutSeconds * 1000 : undefined;
		const shortest = Math.min(
			own ?? Number.POSITIVE_INFINITY,
			millisecondsLeft ?? Number.POSITIVE_INFINITY,
		);
		return Number.isFinite(shortest) ? shortest : undefined;
	};

	const relay = async (
		request: RelayRequest,
		call: Call,
		facts: Facts,
	): Promise<Reply<"relayRequest">> => {
		const [hop] = hopsOf(request, call.hopsPassed);
		if (!hop) throw new AgentError("bad-relay", "proxy_hostport: empty");
		const bytes = payload(request.request_json);
		if (!parts.destinations.allows(hop))
			throw new AgentError(
				"destination-forbidden",
				`proxy_hostport[0]: not one of proxy-destinations: ${hopText(hop)}`,
			);
		facts.hop = hopText(hop);
		const left = timeLeft(call);
		try {
			const next = nextRequest(request, bytes);
			const headers: Record<string, string> = {
				"content-type": "application/json",
				"happo-hops": String(call.hopsPassed + 1),
			};
			if (left !== undefined)
				headers["happo-milliseconds-left"] = String(toldMilliseconds(left));
			// no spreads, which cost as much as the rest
			const answer = await parts.fetch({
				hop,
				method: next.method,
				path: next.path,
				body: next.body,
				mayRunTwice: next.mayRunTwice,
				headers,
				timeoutMilliseconds: left && Math.max(1, left),
				isNested: call.hopsPassed > 0,
				client: call.client,
				refuseOwn: call.permit?.refuseOwn,
				reserve: (bytes) => call.reserve(bytes),
				signal: call.signal,
			});
			if (answer.status < 200 || answer.status > 599)
				throw new RelayError(
					`${hopText(hop)}: answered with status ${answer.status}`,
				);
			facts.hopAnswered = true;
			if (answer.status >= 500)
				facts.reason = `${hopText(hop)}: answered ${answer.status}`;
			return {
				status: answer.status,
				type: answer.contentType ?? (answer.body.length > 0 ? unnamed : ""),
				headers: { "x-content-type-options": "nosniff" },
				body: answer.body,
			};
		} catch (error) {
			if (!(error instanceof RelayError)) throw error;
			facts.reason = error.message;
			return {
				status: error.isTimeout ? 504 : 500,
				type: "application/json",
				body: { return_value: 3, message: error.message },
			};
		}
	};
	return (_params, request, call) =>
		withFacts((facts) => relay(request, call, facts));
}
