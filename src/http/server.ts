import { createServer as createHttpsServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TlsOptions } from "node:tls";
import fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import { type Access, plainAddress } from "../access.ts";
import type { Log } from "../log.ts";
import { Problem, toProblem } from "../problem.ts";
import type { Bodies } from "./body.ts";
import { callOf } from "./call.ts";
import { gateConnections } from "./connections.ts";
import type { Contract } from "./contract.ts";
import { parseBody } from "./json.ts";
import {
	accessDenied,
	fromWebPage,
	refusal,
	refuseConnection,
} from "./refusal.ts";
import type { Answer } from "./reply.ts";

/** Limits of the server, in seconds and connections. */
export interface ServerLimits {
	maxConnections: number;
	connectionWaitSeconds: number;
	handshakeTimeoutSeconds: number;
	headersTimeoutSeconds: number;
	requestTimeoutSeconds: number;
	idleTimeoutSeconds: number;
}

export interface RunningServer {
	readonly address: string;
	readonly port: number;
	/** Stops accepting, ends idle connections at once and the others after a time. */
	close(graceMilliseconds: number): Promise<void>;
}

const milliseconds = (seconds: number) => seconds * 1000;

const pathOf = (request: FastifyRequest) => request.url.split("?", 1)[0] ?? "/";

function send(reply: FastifyReply, answer: Answer): FastifyReply {
	const { delivered } = answer;
	if (delivered)
		reply.raw.once("close", () => delivered(reply.raw.writableFinished));
	return reply
		.code(answer.status)
		.headers(answer.headers)
		.send(
			typeof answer.payload === "string"
				? answer.payload
				: Buffer.from(answer.payload),
		);
}

/**
 * Serves the contract over HTTPS. The only user of Fastify: one route for each
 * operation, all with the same dispatch into the contract; the not-found
 * handler answers only 404 and 405.
 */
export async function startServer(parts: {
	contract: Contract;
	access: Access;
	bodies: Bodies;
	tls: TlsOptions;
	limits: ServerLimits;
	listen: { port: number; host?: string };
	log: Pick<Log, "debug" | "info" | "warning" | "error">;
}): Promise<RunningServer> {
	const { contract, access, bodies, limits, log } = parts;
	let server: Server | undefined;
	const app = fastify({
		routerOptions: { ignoreTrailingSlash: true },
		// bad escapes never reach a route
		frameworkErrors: (error, request, reply) => {
			const detail = `path: ${error.message}`;
			send(
				reply as FastifyReply,
				refusal(new Problem(400, detail), pathOf(request as FastifyRequest)),
			);
		},
		clientErrorHandler: refuseConnection,
		serverFactory: (handler) => {
			server = createHttpsServer(
				{
					...parts.tls,
					pauseOnConnect: true,
					handshakeTimeout: milliseconds(limits.handshakeTimeoutSeconds),
					headersTimeout: milliseconds(limits.headersTimeoutSeconds),
					requestTimeout: milliseconds(limits.requestTimeoutSeconds),
					keepAliveTimeout: milliseconds(limits.idleTimeoutSeconds),
					// Node looks at the timeouts only this often, every 30 s by default
					connectionsCheckingInterval: 1000,
				},
				handler,
			);
			return server;
		},
	});

	app.addHook("onRequest", async (request, reply) => {
		// any body is JSON, and Fastify would refuse a malformed type itself
		request.raw.headers["content-type"] = "application/json";
		const peer = plainAddress(request.socket.remoteAddress);
		if (!access.allows(request.socket.remoteAddress)) {
			log.error(`Access Denied RemoteAddr=${peer}`);
			return send(reply, accessDenied);
		}
		const problem = fromWebPage(request.raw);
		if (!problem) return;
		log.error(`${problem.message} RemoteAddr=${peer}`);
		return send(reply, refusal(problem, pathOf(request)));
	});
	// the body stays unread until the operation is known to want it
	app.removeAllContentTypeParsers();
	app.addContentTypeParser("*", (_request, _payload, done) => done(null));

	for (const { method, path, hasBody } of contract.routes) {
		const url = path.replace(/\{(\w+)\}/g, ":$1");
		app.route({
			method,
			url,
			handler: async (request, reply) => {
				const { raw } = request;
				const call = callOf(raw, reply.raw);
				const body = hasBody
					? parseBody(await bodies.read(raw, reply.raw))
					: undefined;
				const requestPath = pathOf(request);
				return send(
					reply,
					await contract.answer(
						{ method, path: requestPath, headers: raw.headers, body },
						call,
					),
				);
			},
		});
	}
	app.setErrorHandler((error, request, reply) =>
		send(reply, refusal(toProblem(error, log), pathOf(request))),
	);
	app.setNotFoundHandler((request, reply) => {
		const path = pathOf(request);
		const methods = contract.methodsAt(path);
		const problem =
			methods.length > 0
				? new Problem(405, `${path}: no ${request.method}, only ${methods}`, {
						allow: methods.join(", "),
					})
				: new Problem(404, `${path}: no such path`);
		return send(reply, refusal(problem, path));
	});
	await app.ready();
	if (!server) throw new Error("no server was made");
	return listen(server, parts);
}

async function listen(
	server: Server,
	{
		access,
		limits,
		listen: where,
		log,
	}: Pick<
		Parameters<typeof startServer>[0],
		"access" | "limits" | "listen" | "log"
	>,
): Promise<RunningServer> {
	const connections = gateConnections(server, {
		access,
		maxConnections: limits.maxConnections,
		waitMilliseconds: milliseconds(limits.connectionWaitSeconds),
		log,
	});
	server.on("tlsClientError", (error, socket) =>
		log.info(
			`TLS handshake with ${plainAddress(socket.remoteAddress)}: ${error.message}`,
		),
	);
	await new Promise<void>((resolve, reject) => {
		server.once("error", reject);
		server.listen(where, resolve);
	});
	const { address, port } = server.address() as AddressInfo;
	return {
		address,
		port,
		close: async (graceMilliseconds) => {
			const closed = new Promise((resolve) => server.close(resolve));
			server.closeIdleConnections();
			const cut = setTimeout(() => connections.destroy(), graceMilliseconds);
			await closed;
			clearTimeout(cut);
		},
	};
}
