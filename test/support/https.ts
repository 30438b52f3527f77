import { type Agent, request } from "node:https";

/** A request to an agent, as a real client sends it. */
export interface Sent {
	port: number;
	method?: string;
	path?: string;
	headers?: Record<string, string>;
	body?: string | Buffer;
	host?: string;
	/** Address the client connects from. */
	localAddress?: string;
	/** Port the client connects from; needs an address. */
	localPort?: number;
	/** Connection pool; by default every request has its own connection. */
	agent?: Agent;
	signal?: AbortSignal;
}

export interface Received {
	status: number;
	headers: Record<string, string | string[] | undefined>;
	body: Buffer;
	text: string;
	/** The parsed body; undefined if it is not JSON. */
	json: unknown;
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

/** Sends a request over real TLS, without verifying the certificate, and reads the whole answer. */
export function send(sent: Sent): Promise<Received> {
	const { method = "GET", path = "/", headers = {}, body } = sent;
	return new Promise((resolve, reject) => {
		const outgoing = request(
			{
				host: sent.host ?? "127.0.0.1",
				port: sent.port,
				method,
				path,
				headers: {
					...(body !== undefined && {
						"content-length": String(Buffer.byteLength(body)),
					}),
					...headers,
				},
				rejectUnauthorized: false,
				agent: sent.agent ?? false,
				...(sent.localAddress && { localAddress: sent.localAddress }),
				...(sent.localPort && { localPort: sent.localPort }),
				...(sent.signal && { signal: sent.signal }),
			},
			(incoming) => {
				const chunks: Buffer[] = [];
				incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
				incoming.once("error", reject);
				incoming.once("end", () => {
					const bytes = Buffer.concat(chunks);
					const text = bytes.toString("utf8");
					resolve({
						status: incoming.statusCode ?? 0,
						headers: incoming.headers,
						body: bytes,
						text,
						json: parsed(text),
					});
				});
			},
		);
		outgoing.once("error", reject);
		outgoing.end(body);
	});
}

/** A POST of a value as JSON. */
export const post = (port: number, path: string, body: unknown) =>
	send({ port, method: "POST", path, body: JSON.stringify(body) });
