import type { IncomingMessage, ServerResponse } from "node:http";
import type { Server } from "node:https";
import type { TlsOptions } from "node:tls";
import fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import type { Access } from "../access.ts";
import type { Answered } from "../answered.ts";
import type { Log } from "../log.ts";
import { Problem, toProblem } from "../problem.ts";
import { createBodies } from "./body.ts";
import { callOf } from "./call.ts";
import type { Contract } from "./contract.ts";
import { createDeliveries } from "./delivery.ts";
import { createExchanges } from "./exchange.ts";
import { parseBody } from "./json.ts";
import {
	createHttpsServer,
	type Listener,
	type ListenerLimits,
	listen,
} from "./listener.ts";
import { createObjections, type Objection } from "./objection.ts";
import { createRecords, type Place } from "./records.ts";
import { accessDenied, endWith, refusal, refuseConnection } from "./refusal.ts";
import type { Answer } from "./reply.ts";
import { askedPath, originForm } from "./target.ts";

/** The path of the route, or what was asked for where there is none. */
const pathOf = (request: FastifyRequest) =>
	request.routeOptions?.url ?? askedPath(request.url);

/** A path of the contract as Fastify writes it: `/machine-state/:key`. */
const routePath = (path: string) => path.replace(/\{(\w+)\}/g, ":$1");

/** Fastify gives an empty payload a type of its own, unless there is none at all. */
function sendable(payload: string | Uint8Array) {
	if (payload.length === 0) return undefined;
	return typeof payload === "string" || Buffer.isBuffer(payload)
		? payload
		: Buffer.from(payload);
}

/** 405 where another method has an operation, otherwise 404. */
function noRoute(contract: Contract, method: string, path: string): Problem {
	const methods = contract.methodsAt(path).join(", ");
	return methods === ""
		? new Problem(404, `${path}: no such path`)
		: new Problem(405, `${path}: no ${method}, only ${methods}`, {
				headers: { allow: methods },
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
	bodyLimits: Parameters<typeof createBodies>[0];
	tls: TlsOptions;
	limits: ListenerLimits;
	where: { port: number; host?: string };
	/** Hears of every request when it is over. */
	onAnswered: (answered: Answered) => void;
	log: Pick<Log, "info" | "warning" | "error">;
}): Promise<Listener> {
	const { contract, access, limits, log } = parts;
	const exchanges = createExchanges();
	const deliveries = createDeliveries();
	const bodies = createBodies(parts.bodyLimits, exchanges);
	const records = createRecords(exchanges, parts.onAnswered);
	const operationIds = new Map(
		contract.routes.map(({ method, path, operationId }) => [
			`${method} ${path}`,
			operationId,
		]),
	);
	/** Paths of the contract by those of Fastify's routes. */
	const contractPaths = new Map(
		contract.routes.map(({ path }) => [routePath(path), path]),
	);

	const send = (reply: FastifyReply, answer: Answer): FastifyReply => {
		const { status, headers, payload } = answer;
		records.sends(reply.request.raw, payload);
		return reply.code(status).headers(headers).send(sendable(payload));
	};

	/** What the contract has for a request, by its route or else by its path; HEAD is GET without the body. */
	const placeOf = (
		{ method = "", url = "/" }: IncomingMessage,
		route?: string,
	): Place => {
		const path = route
			? contractPaths.get(route)
			: contract.pathAt(askedPath(url));
		const verb = method === "HEAD" ? "GET" : method;
		return { path, operationId: operationIds.get(`${verb} ${path}`) };
	};

	const objections = createObjections({ access, log });

	/** The answer to a request that is refused. */
	const refuse = (
		request: IncomingMessage,
		why: Objection,
		path: string,
	): Answer => {
		if (why === "denied") {
			records.denied(request);
			return accessDenied;
		}
		records.refused(request, why);
		return refusal(why, path);
	};

	/** A reader that does not read must not keep its place for ever. */
	const limitReading = (request: IncomingMessage, response: ServerResponse) => {
		const timer = setInterval(() => {
			// without a socket it is queued behind another answer
			if (response.socket && response.writableEnded) response.socket.destroy();
		}, limits.idleTimeoutSeconds * 1000);
		exchanges.whenOver(request, response, () => clearInterval(timer));
	};

	let server: Server | undefined;
	const app = fastify({
		routerOptions: { ignoreTrailingSlash: true, maxParamLength: 16_384 },
		rewriteUrl: ({ url = "/" }) => originForm(url),
		clientErrorHandler: (error, socket) => {
			const exchange = exchanges.first(socket);
			const isDenied = objections.isDenied(socket);
			const problem = refuseConnection(error, socket, exchange, isDenied);
			const why = isDenied ? "denied" : problem;
			if (problem && why)
				records.answeredOnSocket(socket, why, exchange?.request);
		},
		// a bad escape in the path: neither hooks nor routes see it
		frameworkErrors: (_error, request: FastifyRequest, reply: FastifyReply) => {
			// Fastify's words quote the query, where an api key may be
			const problem = new Problem(
				400,
				`path: a bad escape: ${askedPath(request.url)}`,
			);
			records.begin(request.raw, reply.raw, {});
			const why = objections.to(request.raw) ?? problem;
			send(reply, refuse(request.raw, why, ""));
		},
		serverFactory: (handler) => {
			server = createHttpsServer(handler, parts.tls, limits);
			// a method like any other, but Node gives it no response
			server.on("connect", (request, socket) => {
				const path = askedPath(request.url ?? "/");
				const why =
					objections.to(request) ?? noRoute(contract, "CONNECT", path);
				const answer = refuse(request, why, path);
				endWith(socket, answer);
				records.answeredOnSocket(
					request.socket,
					why,
					request,
					placeOf(request),
				);
			});
			return server;
		},
	});

	app.addHook("onRequest", async (request, reply) => {
		// any body is JSON, and Fastify would refuse a malformed type itself
		request.raw.headers["content-type"] = "application/json";
		deliveries.nextRequest(request.raw);
		records.begin(
			request.raw,
			reply.raw,
			placeOf(request.raw, request.routeOptions.url),
		);
		limitReading(request.raw, reply.raw);
		const why = objections.to(request.raw);
		if (why) return send(reply, refuse(request.raw, why, pathOf(request)));
	});
	// the body stays unread until the operation is known to want it
	app.removeAllContentTypeParsers();
	app.addContentTypeParser("*", (_request, _payload, done) => done(null));

	for (const { method, path, hasBody, answer: answerTo } of contract.routes)
		app.route<{ Params: Record<string, string> }>({
			method,
			url: routePath(path),
			handler: async ({ raw, params, url }, reply) => {
				// a second trailing slash looks like an empty parameter
				if (Object.values(params).includes(""))
					throw new Problem(404, `${askedPath(url)}: no such path`);
				const exchange = exchanges.begin(raw, reply.raw, path);
				const call = callOf(raw, reply.raw, exchanges, (facts) =>
					records.note(raw, facts),
				);
				exchange.reading = hasBody;
				const body = hasBody
					? await parseBody(await bodies.read(raw, reply.raw))
					: undefined;
				exchange.reading = false;
				const request = { params, headers: raw.headers, body };
				const answer = await answerTo(request, call);
				if (answer.delivered)
					deliveries.watch(raw, reply.raw, answer.delivered);
				return send(reply, answer);
			},
		});
	app.setErrorHandler((error, request, reply) =>
		send(reply, refuse(request.raw, toProblem(error, log), pathOf(request))),
	);
	app.setNotFoundHandler((request, reply) => {
		const path = askedPath(request.url);
		const problem = noRoute(contract, request.method, path);
		return send(reply, refuse(request.raw, problem, path));
	});
	await app.ready();
	if (!server) throw new Error("Fastify made no server");
	return listen(server, parts);
}
