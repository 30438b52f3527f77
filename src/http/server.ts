import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createHttps, type Server } from "node:https";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { TlsOptions } from "node:tls";
import fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import type { Handlers } from "../../generated/handlers.ts";
import { AgentError } from "../agent-error.ts";
import type { FairLimit } from "../fair-limit.ts";
import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import { type Access, plainAddress } from "../protocol/access.ts";
import type { Bound, BoundOperation } from "./bind.ts";
import { readBody } from "./body.ts";
import {
	type Connections,
	createConnections,
	type DeliveryTimes,
	deliveryTimes,
} from "./connection.ts";
import { type Objection, objectionAnswer, toAgentError } from "./errors.ts";
import { createUtf8Warnings, parseBody } from "./json.ts";
import { endWith, refuseConnection, unwelcome } from "./refusal.ts";
import {
	type Answer,
	type Answered,
	createAnswers,
	type Replied,
} from "./reply.ts";
import {
	answeredOnSocket,
	askedPath,
	IncomingRequest,
	originForm,
} from "./request.ts";

/** Limits of connections and requests; times in seconds. */
export interface ServerLimits {
	maxConnections: number;
	/** How long a connection waits for its turn, and a request for memory. */
	waitSeconds: number;
	handshakeTimeoutSeconds: number;
	headersTimeoutSeconds: number;
	requestTimeoutSeconds: number;
	idleTimeoutSeconds: number;
	maxBodyBytes: number;
}

export interface AgentServer {
	/** `::` is every address, IPv4 and IPv6. */
	readonly address: string;
	readonly port: number;
	readonly connections: Pick<Connections, "open" | "waiting">;
	/** Connections wait, unread, until this is called. */
	serve(): void;
	/** New connections get this certificate, those that are open keep theirs. Throws for one that is unusable. */
	renew(tls: TlsOptions): void;
	/** Stops accepting, ends idle connections at once and the others after a time. */
	close(graceMilliseconds: number): Promise<void>;
}

declare module "fastify" {
	interface FastifyRequest {
		/** The request as the agent knows it. */
		incoming: IncomingRequest;
	}
	interface FastifyContextConfig {
		operation?: BoundOperation;
	}
}

type Untyped = (
	params: unknown,
	body: unknown,
	call: IncomingRequest,
) => Replied | Promise<Replied>;

/** Answers up to this size are not worth counting. */
const uncountedBytes = 65_536;

const milliseconds = (seconds: number) => seconds * 1000;

/** A path of the contract as Fastify writes it: `/machine-state/:key`. */
const routePath = (path: string) => path.replace(/\{(\w+)\}/g, ":$1");

/** Fastify gives an empty payload a type of its own, unless there is none at all. */
function sendable(payload: string | Uint8Array) {
	if (payload.length === 0) return undefined;
	return typeof payload === "string" || Buffer.isBuffer(payload)
		? payload
		: Buffer.from(payload);
}

/** No operation has this method and path: 405 with the methods that it has, or 404. */
function noRoute(bound: Bound, method: string, path: string) {
	const here = bound.at(path);
	const methods = here.flatMap((one) =>
		one.method === "GET" ? ["GET", "HEAD"] : one.method,
	);
	// an escaped slash, or one too many: the path only looks like one of these
	const declared = here[0]?.path;
	return methods.length === 0 || methods.includes(method)
		? {
				declared,
				error: new AgentError(
					method === "POST" && path.startsWith("/get/")
						? "misrelayed-get"
						: "no-such-path",
					`${path}: no such path`,
				),
			}
		: {
				declared,
				error: new AgentError(
					"no-such-method",
					`${path}: no ${method}, only ${methods.join(", ")}`,
				),
				headers: { allow: methods.join(", ") },
			};
}

/** The HTTPS server with its time limits. It listens nowhere: connections are handed to it. */
function createTlsServer(
	listener: (request: IncomingMessage, response: ServerResponse) => void,
	tls: TlsOptions,
	limits: ServerLimits,
): Server {
	const server = createHttps(
		{
			...tls,
			handshakeTimeout: milliseconds(limits.handshakeTimeoutSeconds),
			headersTimeout: milliseconds(
				Math.min(limits.headersTimeoutSeconds, limits.requestTimeoutSeconds),
			),
			requestTimeout: milliseconds(limits.requestTimeoutSeconds),
			keepAliveTimeout: milliseconds(limits.idleTimeoutSeconds),
			// refused after the access rule, with a body that says why
			requireHostHeader: false,
			// Node looks at the timeouts only this often, every 30 s by default
			connectionsCheckingInterval: 1000,
		},
		listener,
	);
	// Node would answer these itself, before the access rule
	server.on("checkContinue", listener);
	server.on("checkExpectation", listener);
	// a client may end its side after its request and still read the answer
	Object.assign(server, { httpAllowHalfOpen: true });
	// begins the check of the timeouts, which Node begins when a server listens
	server.emit("listening");
	return server;
}

/**
 * Serves the contract over HTTPS, once its `serve` is called. The only user of
 * Fastify: one route for each operation, hooks for what all of them have in common.
 * @throws the system's error when the port cannot be had
 */
export async function startServer(parts: {
	bound: Bound;
	handlers: Handlers;
	access: Access;
	tls: TlsOptions;
	limits: ServerLimits;
	/** What bodies and answers have, all together, in bytes. */
	memory: FairLimit;
	where: { port: number; host?: string };
	/** Hears of every request when it is over. */
	onAnswered: (answered: Answered) => void;
	/** Sees every reply before it goes out and throws if it does not like it: tests hold replies to the contract. */
	checkReply?: (operationId: string, reply: Replied) => void;
	log: Pick<Log, "info" | "warning" | "error">;
	/** Other ones in tests. */
	deliveryTimes?: DeliveryTimes | undefined;
}): Promise<AgentServer> {
	const { bound, access, limits, log, onAnswered } = parts;
	const handlers = parts.handlers as unknown as Record<string, Untyped>;
	const trouble = createLogRepeats({ log });
	const warnOfUtf8 = createUtf8Warnings({ log, now: () => performance.now() });
	let server: Server | undefined;
	let connections: Connections | undefined;
	let isClosing = false;
	const connectionOf = (socket: Socket) => connections?.of(socket);

	/** The answer to a request that is refused. */
	const refuse = (
		incoming: IncomingRequest,
		why: Objection,
		headers?: Record<string, string>,
	): Answer => {
		incoming.refused(why);
		return objectionAnswer(why, incoming.path, headers);
	};

	const send = (reply: FastifyReply, answer: Answer): FastifyReply => {
		const { status, headers, payload } = answer;
		reply.request.incoming.answers(answer);
		if (isClosing) reply.header("connection", "close");
		return reply.code(status).headers(headers).send(sendable(payload));
	};

	/** Why a request is not even read. */
	const objectionTo = ({ connection, raw }: IncomingRequest) =>
		connection.isDenied ? "denied" : unwelcome(raw);

	const app = fastify({
		routerOptions: { ignoreTrailingSlash: true, maxParamLength: 16_384 },
		rewriteUrl: ({ url = "/" }) => originForm(url),
		clientErrorHandler: (error, socket) => {
			const connection = connectionOf(socket);
			if (!connection) return socket.destroy();
			const { current, isDenied } = connection;
			const why = refuseConnection(error, socket, current, isDenied);
			if (!why) return;
			if (current) current.answersOnSocket(why);
			else onAnswered(answeredOnSocket(connection, why));
		},
		// a bad escape in the path: neither a hook nor a route sees it
		frameworkErrors: (_error, request: FastifyRequest, reply: FastifyReply) => {
			const incoming = incomingOf(request.raw);
			request.incoming = incoming;
			// Fastify's words quote the query, where an api key may be
			const problem = new AgentError(
				"bad-http",
				`path: a bad escape: ${askedPath(request.url)}`,
			);
			send(reply, refuse(incoming, objectionTo(incoming) ?? problem));
		},
		serverFactory: (handler) => {
			const listener = (raw: IncomingMessage, response: ServerResponse) => {
				const connection = connectionOf(raw.socket);
				// its connection ended while it was parsed
				if (!connection) return raw.socket.destroy();
				connection.arrive(
					new IncomingRequest({
						connection,
						raw,
						response,
						memory: parts.memory,
						waitMilliseconds: milliseconds(limits.waitSeconds),
						run: () => handler(raw, response),
						tell: onAnswered,
					}),
				);
			};
			server = createTlsServer(listener, parts.tls, limits);
			// a method like any other, but Node gives it no response
			server.on("connect", (raw, socket) => {
				const connection = connectionOf(raw.socket);
				if (!connection) return socket.destroy();
				const path = askedPath(raw.url ?? "/");
				const { error, headers, declared } = noRoute(bound, "CONNECT", path);
				const why = connection.isDenied ? "denied" : (unwelcome(raw) ?? error);
				endWith(socket, objectionAnswer(why, declared ?? "", headers));
				onAnswered(answeredOnSocket(connection, why, raw, declared));
			});
			return server;
		},
	});

	/** One request of a connection runs at a time. */
	const incomingOf = (raw: IncomingMessage): IncomingRequest => {
		const incoming = connectionOf(raw.socket)?.current;
		if (!incoming) throw new Error("a request without a connection");
		return incoming;
	};

	app.decorateRequest("incoming");
	app.addHook("onRequest", (request, reply, done) => {
		const incoming = incomingOf(request.raw);
		request.incoming = incoming;
		const { operation } = request.routeOptions.config;
		incoming.goesTo(
			operation ?? { path: bound.at(askedPath(request.url))[0]?.path },
		);
		const why = objectionTo(incoming);
		if (why) return void send(reply, refuse(incoming, why));
		// any body is JSON, and Fastify would refuse a malformed type itself
		request.raw.headers["content-type"] = "application/json";
		done();
	});

	app.removeAllContentTypeParsers();
	app.addContentTypeParser("*", async (request: FastifyRequest) => {
		const { incoming, routeOptions } = request;
		const { operation } = routeOptions.config;
		if (operation?.maxBodyBytes === undefined) return undefined;
		const maxBytes = Math.min(operation.maxBodyBytes, limits.maxBodyBytes);
		incoming.isReading = true;
		const bytes = await readBody(incoming, {
			maxBytes,
			...(maxBytes === limits.maxBodyBytes && { setting: "max-body-bytes" }),
		}).finally(() => {
			incoming.isReading = false;
		});
		return parseBody(bytes, {
			maxBytes,
			onReplaced: () => warnOfUtf8(incoming.client, operation.operationId),
		});
	});

	for (const operation of bound.operations) {
		const { operationId, method, path } = operation;
		const handler = handlers[operationId] as Untyped;
		const toAnswer = createAnswers(operation.operation);
		const hasParameters = path.includes("{");
		app.route<{ Params: Record<string, string> }>({
			method,
			url: routePath(path),
			config: { operation },
			handler: async ({ incoming, params, headers, body, url }, reply) => {
				// a second trailing slash looks like an empty parameter
				if (hasParameters && Object.values(params).includes(""))
					throw new AgentError(
						"no-such-path",
						`${askedPath(url)}: no such path`,
					);
				const given = operation.accept({ headers, body });
				const replied = await handler(params, given, incoming);
				incoming.addFacts(replied.facts);
				try {
					parts.checkReply?.(operationId, replied);
					const answer = toAnswer(replied);
					// a large answer may be long in being read
					const more = answer.payload.length - incoming.reserved;
					if (more > uncountedBytes) await incoming.reserve(more);
					return send(reply, answer);
				} catch (error) {
					replied.delivered?.(false);
					throw error;
				}
			},
		});
	}
	app.setErrorHandler((error, { incoming }, reply) => {
		// Fastify closes the connection after a bad body; the rest of it is read and dropped here
		reply.removeHeader("connection");
		return send(
			reply,
			refuse(incoming, toAgentError(error, trouble, incoming.path)),
		);
	});
	app.setNotFoundHandler(({ incoming, method, url }, reply) => {
		const { error, headers } = noRoute(bound, method, askedPath(url));
		return send(reply, refuse(incoming, error, headers));
	});
	await app.ready();
	if (!server) throw new Error("Fastify made no server");
	const tlsServer: Server = server;

	connections = createConnections({
		server: tlsServer,
		access,
		maxConnections: limits.maxConnections,
		waitMilliseconds: milliseconds(limits.waitSeconds),
		handshakeMilliseconds: milliseconds(limits.handshakeTimeoutSeconds),
		idleMilliseconds: milliseconds(limits.idleTimeoutSeconds),
		times: parts.deliveryTimes ?? deliveryTimes,
		log,
	});
	tlsServer.on("tlsClientError", (error, socket) =>
		log.info(
			`TLS handshake with ${plainAddress(socket.remoteAddress)}: ${error.message.trim()}`,
		),
	);
	const accepting = createServer(
		{ pauseOnConnect: true, noDelay: true },
		connections.accept,
	);
	await new Promise<void>((resolve, reject) => {
		accepting.once("error", reject);
		accepting.listen(parts.where, resolve);
	});
	const { address, port } = accepting.address() as AddressInfo;
	const { serve, destroy, destroyWaiting } = connections;
	return {
		address,
		port,
		connections,
		serve,
		renew: (options) => tlsServer.setSecureContext(options),
		close: async (graceMilliseconds) => {
			const closed = new Promise((resolve) => accepting.close(resolve));
			isClosing = true;
			destroyWaiting();
			tlsServer.closeIdleConnections();
			const cut = setTimeout(destroy, graceMilliseconds);
			await closed;
			clearTimeout(cut);
			tlsServer.emit("close");
		},
	};
}
