import { request } from "node:http";
import { unescape as decoded } from "node:querystring";
import type { ConnectionOptions } from "node:tls";
import { type Hop, hopText } from "../protocol/hop.ts";
import { type AttemptError, relayError } from "../protocol/relay-error.ts";
import { openTcp, openTls, Sessions } from "../relay/connect.ts";
import type { Open } from "../relay/connections.ts";

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

const ports: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

/** The host and port of a URL. */
const hopOf = (url: URL): Hop => ({
	host: hostOf(url),
	port: Number(url.port) || (ports[url.protocol] ?? 0),
});

/**
 * Opens a connection to a hop through a proxy, with CONNECT. If the proxy refuses, that is an error:
 * the refusal must not look like an answer of the server.
 */
const openTunnel =
	(to: Open, proxy: URL, hop: Hop): Open =>
	(opened) => {
		const name = `proxy ${proxy.host}`;
		const fail = (cause: AttemptError) => {
			const time = { isLate: false, timeoutMilliseconds: undefined };
			opened(new Error(relayError(cause, name, time).message, { cause }));
		};
		return to((error, connection) => {
			if (!connection) return fail(error ?? new Error("not opened"));
			const place = hopText(hop);
			const connecting = request({
				createConnection: () => connection.socket,
				method: "CONNECT",
				path: place,
				headers: { host: place, ...proxyHeaders(proxy) },
			});
			connecting.once("error", fail);
			connecting.once("connect", ({ statusCode }, socket) => {
				if (statusCode === 200) return opened(undefined, connection);
				socket.destroy();
				opened(new Error(`${name}: answered with status ${statusCode}`));
			});
			connecting.end();
		});
	};

/** How to open connections to an endpoint, through a proxy if there is one. */
export function openTo(
	endpoint: URL,
	proxy: URL | undefined,
	tls: Pick<ConnectionOptions, "ca">,
): Open {
	const sessions = new Sessions();
	const first = hopOf(proxy ?? endpoint);
	const plain = openTcp(first);
	const outer =
		(proxy ?? endpoint).protocol === "https:"
			? openTls(plain, { hop: first, tls: proxy ? {} : tls, sessions })
			: plain;
	// for http, the request itself goes to the proxy
	if (!proxy || endpoint.protocol === "http:") return outer;
	const hop = hopOf(endpoint);
	return openTls(openTunnel(outer, proxy, hop), { hop, tls, sessions });
}
