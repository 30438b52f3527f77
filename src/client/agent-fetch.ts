import { Buffer } from "node:buffer";
import { setTimeout as pause } from "node:timers/promises";
import { badKey, bearer, unverifiedKey } from "../protocol/api-key.ts";
import {
	type Hop,
	hopText,
	parseHop,
	toldMilliseconds,
} from "../protocol/hop.ts";
import { RelayError } from "../protocol/relay-error.ts";
import { mayRunTwice } from "../protocol/repeatable.ts";
import { openSocketFile } from "../relay/connect.ts";
import { createHttpsFetch, type Fetched } from "../relay/https-fetch.ts";
import { AgentUnreachable } from "./failures.ts";
import { type AgentOptions, OptionsError, timeLimit } from "./options.ts";
import { toResponse } from "./response.ts";
import { trustOf } from "./trust.ts";
import { relayed, relayFailure, type Sent } from "./via.ts";

/** Whether a call that failed is worth another one: a check is repeated by whoever wants it. */
const isRepeatable = ({ method, path }: Sent) =>
	mayRunTwice(method, path) && path !== "/monitor";

// codes of transient errors
const passing: ReadonlySet<unknown> = new Set(
	"ECLOSED ECONNREFUSED ECONNRESET EPIPE EHOSTUNREACH ENETUNREACH ETIMEDOUT ENOTFOUND EAI_AGAIN".split(
		" ",
	),
);

function hopOf(option: string, text: string): Hop {
	const hop = parseHop(text);
	if (hop) return hop;
	throw new OptionsError(option, `not HOST, HOST:PORT or an address: ${text}`);
}

function countOf(option: string, value: number): number {
	if (Number.isSafeInteger(value) && value >= 0) return value;
	throw new OptionsError(option, `not a whole number: ${value}`);
}

/** Checks `apiKey`. Throws OptionsError. */
function keyOf({ apiKey, trust }: AgentOptions): string | undefined {
	// JavaScript may pass an empty text
	if (apiKey === undefined || apiKey === "") return undefined;
	const complaint =
		badKey(apiKey) ?? (trust === "unverified" ? unverifiedKey : undefined);
	if (complaint) throw new OptionsError("apiKey", complaint);
	return apiKey;
}

/** Milliseconds to wait before a retry: 200, 400, 800 and so on, at most 5,000. */
const delayBefore = (attempt: number) =>
	Math.min(5_000, 200 * 2 ** (attempt - 1));

const sentOf = async (request: Request): Promise<Sent> => {
	const { method } = request;
	if (method !== "GET" && method !== "POST")
		throw new TypeError(`${method}: agents have only GET and POST`);
	return {
		method,
		path: new URL(request.url).pathname,
		headers: Object.fromEntries(request.headers),
		body: Buffer.from(await request.arrayBuffer()),
	};
};

/**
 * Creates a `fetch` that sends all requests to one agent, through the bastions of the options; the
 * host in the URL does not matter. It rejects with AgentUnreachable, or with the reason of an
 * aborted signal.
 * @throws OptionsError
 */
export function createAgentFetch(options: AgentOptions): {
	fetch: (request: Request) => Promise<Response>;
	/** Name of the agent in messages. */
	place: string;
	close(): void;
} {
	const agent = hopOf("agent", options.agent);
	const bastions = (options.via ?? []).map((text, index) =>
		hopOf(`via[${index}]`, text),
	);
	const [first = agent, ...rest] = [...bastions, agent];
	const limit = timeLimit(options.timeoutMilliseconds);
	const retries = countOf("retries", options.retries ?? 2);
	const { adminSocket } = options;
	for (const option of ["via", "apiKey"] as const)
		if (adminSocket !== undefined && (options[option]?.length ?? 0) > 0)
			throw new OptionsError(option, "cannot be used with adminSocket");
	const apiKey = keyOf(options);
	const out = createHttpsFetch({
		trust: trustOf(options.trust),
		...(adminSocket !== undefined && {
			openTo: () => openSocketFile(adminSocket),
		}),
		maxBodyBytes: countOf(
			"maxAnswerBytes",
			options.maxAnswerBytes ?? 67_108_864,
		),
		maxBodySetting: "maxAnswerBytes",
	});

	/** One attempt; `left` is in milliseconds. */
	const attempt = async (
		sent: Sent,
		left: number,
		signal: AbortSignal,
	): Promise<Fetched> => {
		const outer = rest.length > 0 ? relayed(sent, rest, apiKey) : sent;
		// a GET has no body that could hold it
		const hasHeader = apiKey !== undefined && outer.method === "GET";
		const answer = await out.fetch({
			hop: first,
			...outer,
			headers: {
				"content-type": "application/json",
				...(hasHeader && { authorization: bearer(apiKey) }),
				...outer.headers,
				"happo-milliseconds-left": String(toldMilliseconds(left)),
			},
			mayRunTwice: mayRunTwice(sent.method, sent.path),
			timeoutMilliseconds: left,
			signal,
			isNested: false,
			client: "",
		});
		const failure =
			rest.length > 0 ? relayFailure(answer, sent, first) : undefined;
		if (failure) throw failure;
		return answer;
	};

	/** The error for the caller, and whether a retry may help and is safe. */
	const judged = (error: unknown, sent: Sent) => {
		if (error instanceof AgentUnreachable)
			return { error, isWorthIt: !error.isTimeout && isRepeatable(sent) };
		if (!(error instanceof RelayError)) return { error, isWorthIt: false };
		const { isTimeout, isUnsent, message, cause } = error;
		const code = (cause as NodeJS.ErrnoException | undefined)?.code;
		return {
			error: new AgentUnreachable(
				isTimeout
					? `${hopText(first)}: no answer within ${limit / 1000} seconds`
					: message,
				{ isTimeout, isUnsent, cause },
			),
			isWorthIt: passing.has(code) && (isUnsent || isRepeatable(sent)),
		};
	};

	const fetch = async (request: Request): Promise<Response> => {
		const deadline = performance.now() + limit;
		const { signal } = request;
		signal.throwIfAborted();
		const sent = await sentOf(request);
		for (let tried = 1; ; tried++)
			try {
				const left = Math.max(1, deadline - performance.now());
				return toResponse(await attempt(sent, left, signal), hopText(first));
			} catch (cause) {
				signal.throwIfAborted();
				const { error, isWorthIt } = judged(cause, sent);
				const delay = delayBefore(tried);
				const isInTime = performance.now() + delay < deadline;
				if (!isWorthIt || tried > retries || !isInTime) throw error;
				// the next line throws the signal's reason
				await pause(delay, undefined, { signal }).catch(() => {});
				signal.throwIfAborted();
			}
	};
	return { fetch, place: hopText(agent), close: out.close };
}
