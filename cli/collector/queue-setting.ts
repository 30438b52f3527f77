import { isLoopback } from "../../src/protocol/loopback.ts";

/** Servers of a queue, and how to log in. */
export interface QueueServers {
	/** `HOST:PORT`. */
	servers: string[];
	hasTls: boolean;
	user: string | undefined;
	password: string | undefined;
	/** Whether all of them are on this machine. */
	isLocal: boolean;
}

const defaultPort = "4222";

/**
 * Parses the entries of --queue: `nats://[USER:PASSWORD@]HOST[:PORT]`, or `tls://`.
 * @throws an Error that names the entry, without what may be a password
 */
export function parseQueue(entries: readonly string[]): QueueServers {
	const urls = entries.map((entry) => {
		const [, scheme = "", rest = ""] =
			/^(nats|tls):\/\/([^/?#\s]+)\/?$/i.exec(entry) ?? [];
		// the URL class knows neither scheme, and would not take the host apart
		const url = URL.canParse(`http://${rest}`)
			? new URL(`http://${rest}`)
			: undefined;
		if (scheme === "" || !url || url.hostname === "")
			throw new Error(
				`not nats://HOST[:PORT] or tls://HOST[:PORT]${entry.includes("@") ? "" : `: ${entry}`}`,
			);
		// http's own port is not shown by the URL class
		const port = /:(\d+)$/.exec(rest)?.[1] ?? defaultPort;
		return { url, port, isTls: scheme.toLowerCase() === "tls" };
	});
	const users = new Set(
		urls.map(({ url }) => `${url.username} ${url.password}`),
	);
	const schemes = new Set(urls.map(({ isTls }) => isTls));
	if (users.size > 1) throw new Error("servers with different users");
	if (schemes.size > 1) throw new Error("servers with and without TLS");
	const { username = "", password = "" } = urls[0]?.url ?? {};
	return {
		servers: urls.map(({ url, port }) => `${url.hostname}:${port}`),
		hasTls: schemes.has(true),
		user: username === "" ? undefined : decodeURIComponent(username),
		password: password === "" ? undefined : decodeURIComponent(password),
		isLocal: urls.every(({ url }) =>
			isLoopback(url.hostname.replace(/^\[(.*)\]$/, "$1")),
		),
	};
}
