import type { IncomingMessage, ServerResponse } from "node:http";
import type { Server } from "node:https";
import type { TlsOptions } from "node:tls";
import fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import { type Access, plainAddress } from "../access.ts";
import type { Answered } from "../answered.ts";
import type { Log } from "../log.ts";
import { Problem, toProblem } from "../problem.ts";
import { createBodies } from "./body.ts";
import { callOf } from "./call.ts";
import type { Contract } from "./contract.ts";
import { createDeliveries, type DeliveryTimes } from "./delivery.ts";
import { createExchanges } from "./exchange.ts";
import { parseBody } from "./json.ts";
import {
	createHttpsServer,
	type Listener,
	type ListenerLimits,
	listen,
} from "./listener.ts";
import { createObjections, type Objection } from "./objection.ts";
import { limitReading } from "./reading-limit.ts";
import { createRecords, type Place } from "./records.ts";
import { accessDenied, endWith, refusal, refuseConnection } from "./refusal.ts";
import type { Answer } from "./reply.ts";
import { askedPath, originForm } from "./target.ts";
import { createUtf8Warnings } from "./utf8.ts";

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

/** Answers without Fastify, which has not seen the request. */
function answerDirectly(
	response: ServerResponse,
	{ status, headers, payload }: Answer,
) {
	const length = String(Buffer.byteLength(payload));
	response.writeHead(status, { ...headers, "content-length": length });
	response.end(payload);
}

/** 405 where another method has an operation, otherwise 404. */
function noRoute(contract: Contract, method: string, path: string): Problem {
	const methods = contract.methodsAt(path).join(", ");
	// an escaped slash, or one too many: the path only looks like one of these
	const isHere = contract.methodsAt(path).includes(method);
	return methods === "" || isHere
		? new Problem(404, `${path}: no such path`)
		: new Problem(405, `${path}: no ${method}, only ${methods}`, {
				headers: { allow: methods },
			});
}

/**
 * Serves the contract over HTTPS, once its `serve` is called. The only user of Fastify: one route for each
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
	/** Other ones in tests. */
	deliveryTimes?: DeliveryTimes | undefined;
}): Promise<Listener> {
	const { contract, access, limits, log } = parts;
	const exchanges = createExchanges();
	const deliveries = createDeliveries(parts.deliveryTimes);
	const bodies = createBodies(parts.bodyLimits, exchanges);
	const records = createRecords(exchanges, parts.onAnswered);
	const warnOfUtf8 = createUtf8Warnings({ log, now: () => performance.now() });
	const endReadingLimit = limitReading(
		limits.idleTimeoutSeconds * 1000,
		exchanges,
	);
	const operationIds = new Map(
		contract.routes.map(({ method, path, operationId }) => [
			`${method} ${path}`,
			operationId,
		]),
	);

	const send = (reply: FastifyReply, answer: Answer): FastifyReply => {
		const { status, headers, payload } = answer;
		records.sends(reply.request.raw, payload);
		return reply.code(status).headers(headers).send(sendable(payload));
	};

	/** What the contract has where a request goes; HEAD is GET without the body. */
	const placeOf = ({ method = "", url = "/" }: IncomingMessage): Place => {
		const path = contract.pathAt(askedPath(url));
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

	/**
	 * What every request goes through before it is routed, so that a refusal costs
	 * least. false: it is answered already.
	 */
	const arrives = (request: IncomingMessage, response: ServerResponse) => {
		request.url = originForm(request.url ?? "/");
		// any body is JSON, and Fastify would refuse a malformed type itself
		request.headers["content-type"] = "application/json";
		deliveries.nextRequest(request);
		records.begin(request, response);
		const why = objections.to(request);
		if (!why) return true;
		const place = placeOf(request);
		records.goesTo(request, place);
		const answer = refuse(request, why, place.path ?? "");
		records.sends(request, answer.payload);
		answerDirectly(response, answer);
		return false;
	};

	let server: Server | undefined;
	const app = fastify({
		routerOptions: { ignoreTrailingSlash: true, maxParamLength: 16_384 },
		clientErrorHandler: (error, socket) => {
			const exchange = exchanges.first(socket);
			const isDenied = objections.isDenied(socket);
			const problem = refuseConnection(error, socket, exchange, isDenied);
			const why = isDenied ? "denied" : problem;
			if (problem && why)
				records.answeredOnSocket(socket, why, exchange?.request);
		},
		// a bad escape in the path: no route sees it
		frameworkErrors: (_error, request: FastifyRequest, reply: FastifyReply) => {
			// Fastify's words quote the query, where an api key may be
			const problem = new Problem(
				400,
				`path: a bad escape: ${askedPath(request.url)}`,
			);
			send(reply, refuse(request.raw, problem, ""));
		},
		serverFactory: (handler) => {
			const listener = (request: IncomingMessage, response: ServerResponse) => {
				if (arrives(request, response)) handler(request, response);
			};
			server = createHttpsServer(listener, parts.tls, limits);
			server.once("close", endReadingLimit);
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

	// the body stays unread until the operation is known to want it
	app.removeAllContentTypeParsers();
	app.addContentTypeParser("*", (_request, _payload, done) => done(null));

	for (const route of contract.routes) {
		const { method, path, hasBody, answer: answerTo } = route;
		const hasParameters = path.includes("{");
		app.route<{ Params: Record<string, string> }>({
			method,
			url: routePath(path),
			handler: async ({ raw, params, url }, reply) => {
				records.goesTo(raw, route);
				// a second trailing slash looks like an empty parameter
				if (hasParameters && Object.values(params).includes(""))
					throw new Problem(404, `${askedPath(url)}: no such path`);
				const exchange = exchanges.begin(raw, reply.raw, path);
				const call = callOf(raw, reply.raw, exchanges, (facts) =>
					records.note(raw, facts),
				);
				exchange.reading = hasBody;
				const body = hasBody
					? await parseBody(await bodies.read(raw, reply.raw), () =>
							warnOfUtf8(
								plainAddress(raw.socket.remoteAddress),
								route.operationId,
							),
						)
					: undefined;
				exchange.reading = false;
				const request = { params, headers: raw.headers, body };
				const answer = await answerTo(request, call);
				if (answer.delivered)
					deliveries.watch(raw, reply.raw, answer.delivered);
				return send(reply, answer);
			},
		});
	}
	app.setErrorHandler((error, request, reply) =>
		send(reply, refuse(request.raw, toProblem(error, log), pathOf(request))),
	);
	app.setNotFoundHandler((request, reply) => {
		records.goesTo(request.raw, placeOf(request.raw));
		const path = askedPath(request.url);
		const problem = noRoute(contract, request.method, path);
		return send(reply, refuse(request.raw, problem, path));
	});
	await app.ready();
	if (!server) throw new Error("Fastify made no server");
	return listen(server, parts);
}
