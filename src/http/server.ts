import type { Server } from "node:https";
import type { TlsOptions } from "node:tls";
import fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import { type Access, plainAddress } from "../access.ts";
import type { Log } from "../log.ts";
import { Problem, toProblem } from "../problem.ts";
import type { Bodies } from "./body.ts";
import { callOf } from "./call.ts";
import type { Contract } from "./contract.ts";
import { parseBody } from "./json.ts";
import {
	createHttpsServer,
	type Listener,
	type ListenerLimits,
	listen,
} from "./listener.ts";
import {
	accessDenied,
	fromWebPage,
	refusal,
	refuseConnection,
} from "./refusal.ts";
import type { Answer } from "./reply.ts";

/** The path of the route, or what was asked for where there is none. */
const pathOf = (request: FastifyRequest) =>
	request.routeOptions?.url ?? request.url.split("?", 1)[0] ?? "/";

function send(reply: FastifyReply, answer: Answer): FastifyReply {
	const { delivered, payload } = answer;
	if (delivered)
		reply.raw.once("close", () => delivered(reply.raw.writableFinished));
	return reply
		.code(answer.status)
		.headers(answer.headers)
		.send(typeof payload === "string" ? payload : Buffer.from(payload));
}

/** 405 where another method has an operation, otherwise 404. */
function noRoute(contract: Contract, method: string, path: string): Problem {
	const methods = contract.methodsAt(path).join(", ");
	return methods === ""
		? new Problem(404, `${path}: no such path`)
		: new Problem(405, `${path}: no ${method}, only ${methods}`, {
				allow: methods,
			});
}

/**
 * Serves the contract over HTTPS. The only user of Fastify: one route for each
 * operation, all with the same way into the contract; the not-found handler
 * answers only 404 and 405.
 */
export async function startServer(parts: {
	contract: Contract;
	access: Access;
	bodies: Bodies;
	tls: TlsOptions;
	limits: ListenerLimits;
	where: { port: number; host?: string };
	log: Pick<Log, "info" | "warning" | "error">;
}): Promise<Listener> {
	const { contract, access, bodies, log } = parts;

	/** The answer to a request that may not even be looked at. */
	const refused = (request: FastifyRequest): Answer | undefined => {
		const peer = plainAddress(request.socket.remoteAddress);
		if (!access.allows(request.socket.remoteAddress)) {
			log.error(`Access Denied RemoteAddr=${peer}`);
			return accessDenied;
		}
		const problem = fromWebPage(request.raw);
		if (!problem) return undefined;
		log.error(`${problem.message} RemoteAddr=${peer}`);
		return refusal(problem, pathOf(request));
	};

	let server: Server | undefined;
	const app = fastify({
		routerOptions: { ignoreTrailingSlash: true, maxParamLength: 16_384 },
		clientErrorHandler: refuseConnection,
		// a bad escape in the path: neither hooks nor routes see it
		frameworkErrors: (error, request: FastifyRequest, reply: FastifyReply) => {
			const problem = new Problem(400, `path: ${error.message}`);
			send(reply, refused(request) ?? refusal(problem, ""));
		},
		serverFactory: (handler) => {
			server = createHttpsServer(handler, parts.tls, parts.limits);
			return server;
		},
	});

	app.addHook("onRequest", async (request, reply) => {
		// any body is JSON, and Fastify would refuse a malformed type itself
		request.raw.headers["content-type"] = "application/json";
		const answer = refused(request);
		if (answer) return send(reply, answer);
	});
	// the body stays unread until the operation is known to want it
	app.removeAllContentTypeParsers();
	app.addContentTypeParser("*", (_request, _payload, done) => done(null));

	for (const { method, path, hasBody } of contract.routes)
		app.route<{ Params: Record<string, string> }>({
			method,
			url: path.replace(/\{(\w+)\}/g, ":$1"),
			handler: async ({ raw, params }, reply) => {
				const call = callOf(raw, reply.raw);
				const body = hasBody
					? parseBody(await bodies.read(raw, reply.raw))
					: undefined;
				const request = {
					method,
					// as the contract spells it, however the client escaped it
					path: path.replace(/\{(\w+)\}/g, (_, name: string) =>
						encodeURIComponent(params[name] ?? ""),
					),
					headers: raw.headers,
					body,
				};
				return send(reply, await contract.answer(request, call));
			},
		});
	app.setErrorHandler((error, request, reply) =>
		send(reply, refusal(toProblem(error, log), pathOf(request))),
	);
	app.setNotFoundHandler((request, reply) => {
		const path = request.url.split("?", 1)[0] ?? "/";
		const problem = noRoute(contract, request.method, path);
		return send(reply, refusal(problem, path));
	});
	await app.ready();
	if (!server) throw new Error("Fastify made no server");
	return listen(server, parts);
}
