import type { IncomingHttpHeaders } from "node:http";

/**
 * Whether a request is none of the page's own; returns why. Web pages of other origins can make a
 * browser send requests to 127.0.0.1, under any name that resolves to it (DNS rebinding) and from
 * any of its ports, which browsers take for the same site.
 * @param own the program's host as browsers send it: `127.0.0.1:8080`
 */
export function foreignness(
	headers: IncomingHttpHeaders,
	own: string,
	isPage: boolean,
): string | undefined {
	const { host, origin } = headers;
	const site = headers["sec-fetch-site"];
	if (host !== own)
		return `Host: ${shown(host)}: the page is only at http://${own}/`;
	if (origin !== undefined && origin !== `http://${own}`)
		return `Origin: ${shown(origin)}: only the page of http://${own}/ may ask`;
	// none: the user opened it, by a link in a terminal or by typing its address
	const isOwn =
		site === undefined || site === "same-origin" || (isPage && site === "none");
	return isOwn
		? undefined
		: `Sec-Fetch-Site: ${shown(site)}: only the page of http://${own}/ may ask`;
}

const shown = (value: string | string[] | undefined) =>
	value === undefined ? "none" : String(value).slice(0, 100);
