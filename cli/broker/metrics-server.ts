import { createServer } from "node:http";
import { ListenError } from "../../src/passed-socket.ts";
import { textType } from "../../src/protocol/exposition.ts";
import { type Hop, hopText } from "../../src/protocol/hop.ts";
import { systemReason } from "../../src/system-error.ts";

/** Limit of connections; a Prometheus server opens one. */
const maxConnections = 16;

/**
 * Serves `GET /metrics` over plain HTTP, for Prometheus.
 * @returns a function that stops it, and its port
 * @throws ListenError
 */
export async function serveMetrics(
	{ host, port }: Hop,
	page: () => string,
): Promise<{ close(): void; port: number }> {
	const server = createServer(
		{ requestTimeout: 10_000, headersTimeout: 10_000, keepAliveTimeout: 5_000 },
		({ method, url }, response) => {
			if (url !== "/metrics") {
				response.writeHead(404).end("only /metrics is served here\n");
				return;
			}
			if (method !== "GET" && method !== "HEAD") {
				response.writeHead(405, { allow: "GET, HEAD" }).end();
				return;
			}
			response.writeHead(200, { "content-type": textType }).end(page());
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
			`--metrics-listen ${hopText({ host, port })}: ${systemReason(error)}`,
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
