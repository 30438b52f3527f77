import {
	createServer,
	type IncomingMessage,
	type Server,
	type ServerResponse,
} from "node:http";
import { createServer as createHttps, type ServerOptions } from "node:https";
import type { ManagementHandlers } from "../../generated/management.ts";
import { AgentError } from "../../src/agent-error.ts";
import { problemAnswer } from "../../src/http/errors.ts";
import { parseBody } from "../../src/http/json.ts";
import {
	createContract,
	type ManagementRequest,
	type Reply,
} from "./contract.ts";

/** Maximum size of a request body in bytes; a host with its bastions needs far less. */
const maxBodyBytes = 1024 * 1024;

/** How long running requests may take when the server stops. */
const stopMilliseconds = 5_000;

export interface ManagementServer {
	readonly port: number;
	/** Stops listening, and waits for running requests. */
	close(): Promise<void>;
}

/** The body of a request. Reads an oversized body to its end, so that the client gets the answer. */
async function readBody(request: IncomingMessage): Promise<unknown> {
	const chunks: Buffer[] = [];
	let length = 0;
	for await (const chunk of request as AsyncIterable<Buffer>) {
		length += chunk.length;
		if (length <= maxBodyBytes) chunks.push(chunk);
	}
	if (length > maxBodyBytes)
		throw new AgentError(
			"body-too-large",
			`body: over the limit of ${maxBodyBytes} bytes`,
		);
	return parseBody(Buffer.concat(chunks), { maxBytes: maxBodyBytes });
}

/** Refuses requests from web pages, which must not register hosts. Only web pages send these headers. */
function refuseWebPages({ headers }: IncomingMessage) {
	const site = headers["sec-fetch-site"] ?? "none";
	if (headers.origin !== undefined || !["none", "same-origin"].includes(site))
		throw new AgentError(
			"web-page",
			"no web page may call a management server",
		);
}

/** The request in the contract's form. The body is JSON whatever Content-Type says. */
async function toContract(
	request: IncomingMessage,
): Promise<ManagementRequest> {
	refuseWebPages(request);
	const [path = "", query = ""] = (request.url ?? "").split(/\?(.*)/s, 2);
	const { method = "" } = request;
	const body = method === "POST" ? await readBody(request) : undefined;
	if (method === "POST" && typeof body !== "object")
		throw new AgentError("bad-body", "body: expected an object");
	return {
		method: method === "HEAD" ? "GET" : method,
		// v1 appends its path to an endpoint that may end with a slash
		path: path.replace(/\/{2,}/g, "/"),
		query: Object.fromEntries(new URLSearchParams(query)),
		headers: { "content-type": "application/json" },
		body,
	};
}

function write(response: ServerResponse, { status, body }: Reply) {
	response.statusCode = status;
	if (body !== undefined)
		response.setHeader("content-type", "application/json; charset=UTF-8");
	response.end(body === undefined ? undefined : JSON.stringify(body));
}

function writeProblem(response: ServerResponse, error: AgentError) {
	const { status, headers, payload } = problemAnswer(error, "");
	response.writeHead(status, headers);
	response.end(payload);
}

function listening(server: Server, port: number, address: string) {
	return new Promise<number>((resolve, reject) => {
		server.once("error", reject);
		server.listen(port, address, () => {
			const bound = server.address();
			resolve(typeof bound === "object" && bound ? bound.port : port);
		});
	});
}

/**
 * Starts a management server; `log` gets a line for each answer. Rejects with
 * the system's error if it cannot listen.
 */
export async function startManagementServer(parts: {
	handlers: ManagementHandlers;
	/** 0 takes a free port. */
	port: number;
	address: string;
	/** Certificate and key; without them the server speaks plain HTTP. */
	tls?: Pick<ServerOptions, "cert" | "key">;
	log: (line: string) => void;
}): Promise<ManagementServer> {
	const { log, tls } = parts;
	const answer = await createContract(parts.handlers);
	const onRequest = async (
		request: IncomingMessage,
		response: ServerResponse,
	) => {
		let why = "";
		try {
			write(response, await answer(await toContract(request)));
		} catch (error) {
			const isExpected = error instanceof AgentError;
			why = isExpected ? error.logged : String((error as Error).stack);
			if (!response.headersSent)
				writeProblem(
					response,
					isExpected ? error : new AgentError("internal", "internal error"),
				);
		}
		const line = `${request.socket.remoteAddress} ${request.method} ${request.url} ${response.statusCode}`;
		log(why === "" ? line : `${line} ${why}`);
	};
	const server = tls
		? createHttps({ ...tls, minVersion: "TLSv1.2" }, onRequest)
		: createServer(onRequest);
	const port = await listening(server, parts.port, parts.address);
	return {
		port,
		close: () =>
			new Promise((resolve) => {
				const tooLong = setTimeout(
					() => server.closeAllConnections(),
					stopMilliseconds,
				);
				server.close(() => {
					clearTimeout(tooLong);
					resolve();
				});
				server.closeIdleConnections();
			}),
	};
}
