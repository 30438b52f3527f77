import { isIP } from "node:net";
import { badNetworks, parseAllowedHosts } from "../protocol/access.ts";
import { hostOf } from "./connections.ts";
import { OptionsError } from "./options.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const ports: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

/** A variable's value; lower case wins, as in the original and in curl. */
const read = (environment: Environment, name: string) =>
	environment[name] || environment[name.toUpperCase()] || "";

/** A place as no_proxy and URLs write it. */
const portOf = (url: URL) => Number(url.port) || (ports[url.protocol] ?? 0);

/** `name`, `.name`, `*.name`, an address or a network, each with an optional port. */
function isNamed(entry: string, host: string, port: number): boolean {
	if (entry === "*") return true;
	const [, place = entry, wanted] = /^(\[.*\]|[^:]+):(\d+)$/.exec(entry) ?? [];
	if (wanted !== undefined && Number(wanted) !== port) return false;
	const bare = place.replace(/^\[(.*)\]$/, "$1");
	if (!badNetworks([bare])) return parseAllowedHosts([bare], []).allows(host);
	const name = bare.replace(/^\*?\./, "");
	return host.endsWith(`.${name}`) || (host === name && bare === name);
}

/** This machine is never asked for through a proxy. */
const isLocal = (host: string) =>
	host === "localhost" ||
	host === "::1" ||
	(isIP(host) === 4 && host.startsWith("127."));

/**
 * The proxy that the variables name for a URL: `https_proxy` or `http_proxy`,
 * unless `no_proxy` has its host, by the rules that Go's programs follow.
 * Undefined is none. Throws OptionsError.
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
	// not the text: it may hold a password
	if (!proxy || !(proxy.protocol in ports))
		throw new OptionsError(variable, `not http://HOST:PORT`);
	return proxy;
}
