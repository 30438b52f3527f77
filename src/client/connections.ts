import { Agent as PlainAgent, request as requestPlain } from "node:http";
import {
	Agent,
	type AgentOptions,
	type RequestOptions,
	request,
} from "node:https";
import { unescape as decoded } from "node:querystring";
import type { Duplex } from "node:stream";
import { hopText } from "../protocol/hop.ts";
import { relayError } from "../protocol/relay-error.ts";
import { lookupName } from "../relay/name-lookup.ts";

/** Options of a request that may go through a tunnel. */
export interface TunnelledOptions extends RequestOptions {
	/** Aborts a tunnel that is being opened. Node does not pass `signal` to the pool. */
	tunnelSignal?: AbortSignal;
}

type Created = (error: Error | null, socket?: Duplex) => void;

/** A URL's host without the brackets of an IPv6 address. */
export const hostOf = ({ hostname }: URL): string =>
	hostname.replace(/^\[(.*)\]$/, "$1");

/**
 * User and password of a URL for HTTP's Basic scheme; undefined if there are none. An invalid `%`
 * escape stays as it is.
 */
export function credentialsOf({ username, password }: URL): string | undefined {
	const user = `${decoded(username)}:${decoded(password)}`;
	return user === ":"
		? undefined
		: `Basic ${Buffer.from(user).toString("base64")}`;
}

/** The headers that authenticate the user of a proxy. */
export const proxyHeaders = (proxy: URL) => {
	const credentials = credentialsOf(proxy);
	return credentials === undefined
		? {}
		: { "proxy-authorization": credentials };
};

/** The request function of Node for the protocol of a URL. */
export const requestTo = (url: URL) =>
	url.protocol === "https:" ? request : requestPlain;

/**
 * A pool of connections through a proxy, opened with CONNECT. If the proxy refuses, that is an
 * error: the refusal must not look like an answer of the server.
 */
class TunnelAgent extends Agent {
	readonly #proxy: URL;

	constructor(proxy: URL, options: AgentOptions) {
		super(options);
		this.#proxy = proxy;
	}

	override createConnection(
		options: TunnelledOptions,
		created: Created,
	): undefined {
		const proxy = this.#proxy;
		const place = hopText({
			host: String(options.host),
			port: Number(options.port),
		});
		const connecting = requestTo(proxy)({
			host: hostOf(proxy),
			port: proxy.port || undefined,
			method: "CONNECT",
			path: place,
			headers: { host: place, ...proxyHeaders(proxy) },
			agent: false,
			lookup: lookupName,
			...(options.tunnelSignal && { signal: options.tunnelSignal }),
		});
		const name = `proxy ${proxy.host}`;
		const time = { isLate: false, timeoutMilliseconds: undefined };
		connecting.once("error", (cause) =>
			created(new Error(relayError(cause, name, time).message, { cause })),
		);
		connecting.once("connect", ({ statusCode }, socket) => {
			if (statusCode === 200)
				return created(
					null,
					super.createConnection({
						...options,
						socket,
					} as RequestOptions) as Duplex,
				);
			socket.destroy();
			created(new Error(`${name}: answered with status ${statusCode}`));
		});
		connecting.end();
	}
}

/** A pool of persistent connections to an endpoint, through a proxy if there is one. */
export function poolOf(
	endpoint: URL,
	proxy: URL | undefined,
	tls: Pick<AgentOptions, "ca">,
): PlainAgent {
	const kept = { keepAlive: true, timeout: 60_000, lookup: lookupName };
	const secure = { ...kept, ...tls, minVersion: "TLSv1.2" as const };
	if (endpoint.protocol === "https:")
		return proxy ? new TunnelAgent(proxy, secure) : new Agent(secure);
	// for http, the request itself goes to the proxy
	return proxy?.protocol === "https:" ? new Agent(kept) : new PlainAgent(kept);
}
