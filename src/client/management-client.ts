import { Buffer } from "node:buffer";
import {
	type ManagementClient as Calls,
	createManagementClient as createCalls,
} from "../../generated/client.ts";
import { RelayError } from "../protocol/relay-error.ts";
import { createSender } from "../relay/send.ts";
import { checkedAnswer } from "./answered.ts";
import { credentialsOf, openTo, proxyHeaders } from "./connections.ts";
import { AgentUnreachable } from "./failures.ts";
import {
	type ManagementOptions,
	OptionsError,
	type Pem,
	timeLimit,
} from "./options.ts";
import { proxyOf } from "./proxy-of.ts";
import { toResponse } from "./response.ts";
import { certificateOf, pem } from "./trust.ts";

/** Largest answer of a management server. */
const maxBodyBytes = 67_108_864;

function endpointOf(text: string): URL {
	const url = URL.canParse(text) ? new URL(text) : undefined;
	if (url && /^https?:$/.test(url.protocol) && !url.search && !url.hash)
		return url;
	// the text before an @ may contain a password
	const shown = text.includes("@") ? "" : `: ${text}`;
	throw new OptionsError(
		"endpoint",
		`not http(s)://HOST[:PORT][/PATH]${shown}`,
	);
}

function caOf(ca: Pem | undefined) {
	if (ca === undefined) return {};
	certificateOf("ca", ca);
	return { ca: pem(ca) };
}

/**
 * Creates a `fetch` for one management server. It returns redirects as answers and verifies
 * certificates. It rejects with AgentUnreachable, or with the reason of an aborted signal.
 * @throws OptionsError
 */
export function createManagementFetch(options: ManagementOptions): {
	baseUrl: string;
	/** Name of the server in messages. */
	place: string;
	fetch: (request: Request) => Promise<Response>;
	close(): void;
} {
	const endpoint = endpointOf(options.endpoint);
	const limit = timeLimit(options.timeoutMilliseconds);
	const proxy = proxyOf(endpoint, options.environment ?? {});
	const open = openTo(endpoint, proxy, caOf(options.ca));
	const { send, close } = createSender({
		maxBodyBytes,
		maxBodySetting: "of the client",
		maxConnections: Number.POSITIVE_INFINITY,
	});
	const isForwarded = proxy !== undefined && endpoint.protocol === "http:";
	const place = isForwarded
		? `${endpoint.host} through proxy ${proxy.host}`
		: endpoint.host;
	const credentials = credentialsOf(endpoint);

	const fetch = async (request: Request): Promise<Response> => {
		const { signal, method } = request;
		signal.throwIfAborted();
		const url = new URL(request.url);
		const body = Buffer.from(await request.arrayBuffer());
		try {
			const answer = await send({
				place,
				open,
				method,
				mayRunTwice: false,
				path: isForwarded ? url.href : `${url.pathname}${url.search}`,
				headers: {
					host: url.host,
					...Object.fromEntries(request.headers),
					...(credentials !== undefined && { authorization: credentials }),
					...(isForwarded && proxyHeaders(proxy)),
				},
				body,
				timeoutMilliseconds: limit,
				signal,
			});
			if (isForwarded && answer.status === 407)
				throw new AgentUnreachable(
					`${place}: the proxy rejects user and password`,
				);
			return toResponse(answer, place);
		} catch (error) {
			signal.throwIfAborted();
			if (!(error instanceof RelayError)) throw error;
			const { message, isTimeout, isUnsent, cause } = error;
			throw new AgentUnreachable(message, { isTimeout, isUnsent, cause });
		}
	};
	// credentials go into a header, because Request rejects them in its URL
	const base = new URL(endpoint);
	base.username = "";
	base.password = "";
	return {
		place,
		baseUrl: base.href.replace(/\/$/, ""),
		fetch,
		close,
	};
}

/** A client for a management server, with the types of the contract. */
export interface ManagementClient extends Calls {
	/** Closes all connections. */
	close(): void;
}

/**
 * Creates a client for a management server. All statuses are answers: 302 means "found", and
 * redirects are not followed. Without an answer, a call rejects with AgentUnreachable.
 * @throws OptionsError
 */
export function createManagementClient(
	options: ManagementOptions,
): ManagementClient {
	const { baseUrl, place, fetch, close } = createManagementFetch(options);
	const calls = createCalls({ baseUrl, fetch });
	const method =
		(name: "GET" | "POST") =>
		(path: string, init: { parseAs?: string } = {}) =>
			checkedAnswer(
				place,
				options.checkAnswers && (init.parseAs ?? "json") === "json"
					? `${name} ${path}`
					: undefined,
				calls.request(name as never, path as never, init as never),
			);
	return {
		...calls,
		GET: method("GET"),
		POST: method("POST"),
		close,
	} as ManagementClient;
}
