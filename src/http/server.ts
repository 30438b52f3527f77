import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createHttps, type Server } from "node:https";
import { createServer, type Socket } from "node:net";
import type { TlsOptions } from "node:tls";
import fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import type { Handlers } from "../../generated/handlers.ts";
import { AgentError } from "../agent-error.ts";
import type { FairLimit } from "../fair-limit.ts";
import { listen, type Place } from "../listen.ts";
import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import type {
	Authorizer,
	Permission,
	PermissionRequest,
} from "../operation.ts";
import { type Access, plainAddress } from "../protocol/access.ts";
import { inSlices, sliceBytes } from "../slices.ts";
import { listenAtFile } from "../socket-file.ts";
import type { Bound, BoundOperation } from "./bind.ts";
import {
	type Connections,
	createConnections,
	type DeliveryTimes,
	deliveryTimes,
	type PeerCertificates,
} from "./connection.ts";
import {
	type Objection,
	objectionAnswer,
	statusOf,
	toAgentError,
} from "./errors.ts";
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
	readBody,
} from "./request.ts";

/** Limits of connections and requests; times in seconds. */
export interface ServerLimits {
	maxConnections: number;
	/** The longest wait of a connection for a place, and of a request for memory. */
	waitSeconds: number;
	handshakeTimeoutSeconds: number;
	headersTimeoutSeconds: number;
	requestTimeoutSeconds: number;
	idleTimeoutSeconds: number;
	maxBodyBytes: number;
}

/** A running server. */
export interface AgentServer {
	/** `::` means all addresses, IPv4 and IPv6. */
	readonly address: string;
	readonly port: number;
	/** Those of all ports. */
	readonly connections: Connections;
	/** Starts serving; until then, connections are accepted but not read. */
	serve(): void;
	/** Sets the certificate for new connections; open ones keep theirs. Throws if it is unusable. */
	renew(tls: TlsOptions): void;
	/**
	 * Stops accepting connections; a passed socket goes on listening for others. Answers requests of
	 * the connections that are open, one each, and closes idle ones, of all ports. After the grace,
	 * closes all.
	 * @param otherPorts resolves when the connections of the other ports have ended
	 */
	close(graceMilliseconds: number, otherPorts?: Promise<void>): Promise<void>;
}

declare module "fastify" {
	interface FastifyRequest {
		/** The agent's own object for the request. */
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

/** The question whether a request may run. What it costs to find out is read only when needed. */
class Question implements PermissionRequest {
	readonly #incoming: IncomingRequest;
	readonly operationId: PermissionRequest["operationId"];
	readonly body: unknown;

	constructor(
		incoming: IncomingRequest,
		{ operationId }: BoundOperation,
		body?: unknown,
	) {
		this.#incoming = incoming;
		this.operationId = operationId as PermissionRequest["operationId"];
		this.body = body;
	}

	get caller() {
		return this.#incoming.caller;
	}

	get hopsPassed() {
		return this.#incoming.hopsPassed;
	}

	get millisecondsLeft() {
		return this.#incoming.millisecondsLeft;
	}

	get signal() {
		return this.#incoming.signal;
	}
}

/** Runs a handler, and tells how it ended to whoever gave the permission. */
async function run(
	handle: () => Replied | Promise<Replied>,
	permission: Permission | undefined,
): Promise<Replied> {
	if (!permission) return handle();
	try {
		const replied = await handle();
		permission.ended(replied.status, replied.facts ?? {});
		return replied;
	} catch (error) {
		const known = error instanceof AgentError ? error : undefined;
		permission.ended(known && statusOf(known.code), known?.facts ?? {});
		throw error;
	}
}

/** Answers up to this size do not count towards the memory budget. */
const uncountedBytes = 65_536;

const milliseconds = (seconds: number) => seconds * 1000;

/** Converts a path of the contract to Fastify's form: `/machine-state/:key`. */
const routePath = (path: string) => path.replace(/\{(\w+)\}/g, ":$1");

/**
 * Converts a payload for Fastify, which would add a content type to an empty one. A large one is
 * written in slices: a TLS connection keeps a buffer as large as its largest write until it closes.
 */
function sendable(payload: string | Uint8Array) {
	if (payload.length === 0) return undefined;
	if (payload.length > sliceBytes)
		return inSlices(
			typeof payload === "string" ? Buffer.from(payload) : payload,
		);
	return typeof payload === "string" || Buffer.isBuffer(payload)
		? payload
		: Buffer.from(payload);
}

/** The error if no operation has this method and path: 405 with the allowed methods, or 404. */
function noRoute(bound: Bound, method: string, path: string) {
	const here = bound.at(path);
	const methods = here.flatMap((one) =>
		one.method === "GET" ? ["GET", "HEAD"] : one.method,
	);
	// with an escaped or extra slash, the path only looks like a declared one
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

/** Creates the HTTPS server with its time limits. It does not listen; connections are handed to it. */
function createTlsServer(
	listener: (request: IncomingMessage, response: ServerResponse) => void,
	tls: TlsOptions,
	limits: ServerLimits,
): Server {
	const server = createHttps(
		{
			...tls,
			// the certificate of a client says who it is, not whether it may connect
			rejectUnauthorized: false,
			handshakeTimeout: milliseconds(limits.handshakeTimeoutSeconds),
			headersTimeout: milliseconds(
				Math.min(limits.headersTimeoutSeconds, limits.requestTimeoutSeconds),
			),
			requestTimeout: milliseconds(limits.requestTimeoutSeconds),
			keepAliveTimeout: milliseconds(limits.idleTimeoutSeconds),
			// refused later, after the access check, with a reason in the body
			requireHostHeader: false,
			// how often Node checks the timeouts; 30 s by default
			connectionsCheckingInterval: 1000,
		},
		listener,
	);
	// otherwise Node would answer these, before the access check
	server.on("checkContinue", listener);
	server.on("checkExpectation", listener);
	// a client may close its side after its request and still read the answer
	Object.assign(server, { httpAllowHalfOpen: true });
	// starts Node's timeout checks, which normally start when a server listens
	server.emit("listening");
	return server;
}

/**
 * Serves the contract over HTTPS, once its `serve` is called. The only user of Fastify: one route
 * for each operation, and hooks for what they have in common.
 * @throws the system's error if the port is not available, SocketFileError for the admin socket
 */
export async function startServer(parts: {
	bound: Bound;
	handlers: Handlers;
	access: Access;
	tls: TlsOptions;
	/** undefined if clients are not asked for certificates. */
	certificates?: PeerCertificates | undefined;
	limits: ServerLimits;
	/** Budget for the bytes of all bodies and answers in memory. */
	memory: FairLimit;
	where: Place;
	/**
	 * Serves the contract over plain HTTP on a Unix socket as well, with mode 0600, or 0660 for a
	 * group.
	 */
	adminSocket?:
		| {
				file: string;
				group: string;
				/** Whether the peer is an administrator; others have proved nothing. */
				isAdmin: (socket: Socket) => boolean;
		  }
		| undefined;
	/** Called for every finished request. */
	onAnswered: (answered: Answered) => void;
	/**
	 * Checks each reply before it is sent and throws if it is invalid; tests check replies against
	 * the contract.
	 */
	checkReply?: (operationId: string, reply: Replied) => void;
	/**
	 * Makes another descriptor of a socket; negative if it cannot. Without it, the server accepts one
	 * connection in a turn of the event loop.
	 */
	duplicate?: ((descriptor: number) => number) | undefined;
	/** Decides about each request; undefined: whoever may connect may do everything. */
	authorizer?: Authorizer | undefined;
	log: Pick<Log, "info" | "warning" | "error">;
	/** Tests shorten them. */
	deliveryTimes?: DeliveryTimes | undefined;
}): Promise<AgentServer> {
	const { bound, access, authorizer, limits, log, onAnswered } = parts;
	const handlers = parts.handlers as unknown as Record<string, Untyped>;
	const trouble = createLogRepeats({ log });
	const warnOfUtf8 = createUtf8Warnings({ log, now: () => performance.now() });
	let server: Server | undefined;
	let connections: Connections | undefined;
	let isClosing = false;
	const connectionOf = (socket: Socket) => connections?.of(socket);

	/** Builds the answer to a refused request. */
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
		if (payload.length > sliceBytes)
			reply.header("content-length", Buffer.byteLength(payload));
		if (isClosing) reply.header("connection", "close");
		return reply.code(status).headers(headers).send(sendable(payload));
	};

	/** Returns the reason to refuse a request before reading its body. */
	const objectionTo = ({ connection, raw }: IncomingRequest) =>
		connection.isDenied ? "denied" : unwelcome(raw);

	const app = fastify({
		routerOptions: { ignoreTrailingSlash: true, maxParamLength: 16_384 },
		rewriteUrl: ({ url = "/" }) => originForm(url),
		clientErrorHandler: (error, socket) => {
			const connection = connectionOf(socket);
			if (!connection) return socket.destroy();
			const { isDenied } = connection;
			const current =
				connection.current instanceof IncomingRequest
					? connection.current
					: undefined;
			const why = refuseConnection(error, socket, current, isDenied);
			if (!why) return;
			if (current) current.answersOnSocket(why);
			else onAnswered(answeredOnSocket(connection, why));
		},
		// for a bad escape in the path, which reaches neither hooks nor routes
		frameworkErrors: (_error, request: FastifyRequest, reply: FastifyReply) => {
			const incoming = incomingOf(request.raw);
			request.incoming = incoming;
			// Fastify's message quotes the query, which may hold an API key
			const problem = new AgentError(
				"bad-http",
				`path: a bad escape: ${askedPath(request.url)}`,
			);
			send(reply, refuse(incoming, objectionTo(incoming) ?? problem));
		},
		serverFactory: (handler) => {
			const listener = (raw: IncomingMessage, response: ServerResponse) => {
				const connection = connectionOf(raw.socket);
				// the connection closed while the request was parsed
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
			// CONNECT is refused like other methods, but Node gives it no response object
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
		if (!(incoming instanceof IncomingRequest))
			throw new Error("a request without a connection");
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
		// every body is read as JSON; Fastify would parse the type and reject a malformed one
		request.raw.headers["content-type"] = undefined;
		const refusal =
			operation && authorizer?.refuseUnread(new Question(incoming, operation));
		if (refusal) void refusal.then(done, done);
		else done();
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
				// Fastify takes a second trailing slash for an empty parameter
				if (hasParameters && Object.values(params).includes(""))
					throw new AgentError(
						"no-such-path",
						`${askedPath(url)}: no such path`,
					);
				const given = operation.accept({ headers, body });
				incoming.has(given);
				const asked = authorizer?.authorize(
					new Question(incoming, operation, given),
				);
				const permission = asked instanceof Promise ? await asked : asked;
				if (permission) incoming.permitted(permission);
				const replied = await run(
					() => handler(params, given, incoming),
					permission,
				);
				incoming.addFacts(replied.facts);
				try {
					parts.checkReply?.(operationId, replied);
					const answer = toAnswer(replied);
					// the client may take long to read a large answer
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
		// Fastify would close the connection after a bad body, but we drain its rest
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
		certificates: parts.certificates,
		log,
	});
	tlsServer.on("tlsClientError", (error, socket) =>
		log.info(
			`TLS handshake with ${plainAddress(socket.remoteAddress)}: ${error.message.trim()}`,
		),
	);
	const listening = await listen(
		parts.where,
		connections.accept,
		parts.duplicate,
	);
	const { acceptLocal } = connections;
	const local = parts.adminSocket;
	const admin = local && {
		...local,
		server: createServer({ pauseOnConnect: true }, (socket) =>
			acceptLocal(socket, local.isAdmin(socket) ? "admin" : "own-user"),
		),
	};
	try {
		if (admin)
			await listenAtFile(admin.server, admin.file, {
				mode: 0o600,
				group: admin.group,
			});
	} catch (error) {
		await listening.close();
		throw error;
	}
	const { address, port } = listening.address;
	const { serve, destroy, close } = connections;
	return {
		address,
		port,
		connections,
		serve,
		renew: (options) => tlsServer.setSecureContext(options),
		close: async (graceMilliseconds, otherPorts) => {
			const closed = Promise.all([
				listening.close(),
				otherPorts,
				admin && new Promise((resolve) => admin.server.close(resolve)),
			]);
			isClosing = true;
			close();
			const cut = setTimeout(destroy, graceMilliseconds);
			await closed;
			clearTimeout(cut);
			tlsServer.emit("close");
		},
	};
}
