import { createServer } from "node:http";
import { ListenError } from "./passed-socket.ts";
import { type Hop, hopText, parseHop } from "./protocol/hop.ts";
import { systemReason } from "./system-error.ts";

/** A page for programs. */
export interface Page {
	/** Its content type. */
	type: string;
	/** Makes it for a request. */
	text: () => string;
}

/** Limit of connections; a Prometheus server opens one. */
const maxConnections = 16;

/** Parses ADDRESS:PORT; port 0 means a free port. Undefined if the text is invalid. */
export function listenPlace(text: string): Hop | undefined {
	const [, host = "", port = ""] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
	const hop = parseHop(host);
	return hop && Number(port) <= 65_535
		? { ...hop, port: Number(port) }
		: undefined;
}

/**
 * Serves pages with GET over plain HTTP.
 * @param option names the place in messages: `--metrics-listen`
 * @param pages by path
 * @returns a function that stops it, and its port
 * @throws ListenError
 */
export async function servePages(
	option: string,
	{ host, port }: Hop,
	pages: Readonly<Record<string, Page>>,
): Promise<{ close(): void; port: number }> {
	const paths = Object.keys(pages);
	const server = createServer(
		{ requestTimeout: 10_000, headersTimeout: 10_000, keepAliveTimeout: 5_000 },
		({ method, url = "" }, response) => {
			const page = paths.includes(url) ? pages[url] : undefined;
			if (!page) {
				response
					.writeHead(404)
					.end(`only ${paths.join(" and ")} is served here\n`);
				return;
			}
			if (method !== "GET" && method !== "HEAD") {
				response.writeHead(405, { allow: "GET, HEAD" }).end();
				return;
			}
			response.writeHead(200, { "content-type": page.type }).end(page.text());
		},
	);
	server.maxConnections = maxConnections;
	try {
		await new Promise<void>((resolve, reject) => {
			server.once("error", reject);
			server.listen({ host, port }, resolve);
		});
	} catch (error) {
		throw new ListenError(
			`${option} ${hopText({ host, port })}: ${systemReason(error)}`,
		);
	}
	const address = server.address();
	return {
		port: typeof address === "object" && address ? address.port : port,
		close: () => {
			server.close();
			server.closeAllConnections();
		},
	};
}
