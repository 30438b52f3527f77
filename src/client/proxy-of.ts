import { isIP } from "node:net";
import { badNetworks, parseAllowedHosts } from "../protocol/access.ts";
import { hostOf } from "./connections.ts";
import { OptionsError } from "./options.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const ports: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

/** A variable's value; lower case wins, as in v1 and in curl. */
const read = (environment: Environment, name: string) =>
	environment[name] || environment[name.toUpperCase()] || "";

/** The port of a URL, by default that of its scheme. */
const portOf = (url: URL) => Number(url.port) || (ports[url.protocol] ?? 0);

/**
 * Whether an entry of no_proxy matches: a name, `.name`, `*.name`, an address or a network, with an
 * optional port.
 */
function isNamed(entry: string, host: string, port: number): boolean {
	if (entry === "*") return true;
	const [, place = entry, wanted] = /^(\[.*\]|[^:]+):(\d+)$/.exec(entry) ?? [];
	if (wanted !== undefined && Number(wanted) !== port) return false;
	const bare = place.replace(/^\[(.*)\]$/, "$1");
	if (!badNetworks([bare])) return parseAllowedHosts([bare], []).allows(host);
	const name = bare.replace(/^\*?\./, "");
	return host.endsWith(`.${name}`) || (host === name && bare === name);
}

/** Requests to this machine never go through a proxy. */
const isLocal = (host: string) =>
	host === "localhost" ||
	host === "::1" ||
	(isIP(host) === 4 && host.startsWith("127."));

/**
 * The proxy for a URL: that of `https_proxy` or `http_proxy`, unless `no_proxy` includes the host,
 * by the same rules as Go. Undefined: connect directly.
 * @throws OptionsError
 */
export function proxyOf(url: URL, environment: Environment): URL | undefined {
	const variable = url.protocol === "https:" ? "https_proxy" : "http_proxy";
	const text = read(environment, variable);
	const host = hostOf(url).replace(/\.$/, "");
	const exceptions = read(environment, "no_proxy")
		.toLowerCase()
		.split(/[\s,]+/);
	const isExcepted = exceptions.some(
		(entry) => entry !== "" && isNamed(entry, host, portOf(url)),
	);
	if (text === "" || isLocal(host) || isExcepted) return undefined;
	const whole = text.includes("://") ? text : `http://${text}`;
	const proxy = URL.canParse(whole) ? new URL(whole) : undefined;
	// without the text: it may contain a password
	if (!proxy || !(proxy.protocol in ports))
		throw new OptionsError(variable, `not http://HOST:PORT`);
	return proxy;
}
