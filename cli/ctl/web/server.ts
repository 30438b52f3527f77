import type { AddressInfo, Socket } from "node:net";
import fastify, {
	type FastifyInstance,
	type FastifyReply,
	type FastifyRequest,
} from "fastify";
import type { Bound, BoundOperation } from "../../../src/http/bind.ts";
import { parseBody } from "../../../src/http/json.ts";
import { bearerKey } from "../../../src/protocol/api-key.ts";
import type { WebHandlers } from "./operation.ts";
import type { PageFile } from "./page-files.ts";
import { toWebProblem, WebProblem } from "./problem.ts";
import type { Sessions } from "./sessions.ts";
import { foreignness } from "./visitor.ts";

/** Sent with every answer. */
const headers: Readonly<Record<string, string>> = {
	"content-security-policy":
		"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	"x-content-type-options": "nosniff",
	"referrer-policy": "no-referrer",
	"cross-origin-resource-policy": "same-origin",
	"cross-origin-opener-policy": "same-origin",
	"cache-control": "no-store",
};

/** Browsers open six to a server; several people with several windows need no more. */
const maxConnections = 64;
const requestMilliseconds = 10_000;
const idleMilliseconds = 60_000;
const foreignMilliseconds = 1_000;

/** The only operation that needs no session. */
const openSession: keyof WebHandlers = "openSession";

declare module "fastify" {
	interface FastifyContextConfig {
		/** An operation of the page's document. */
		webOperation?: BoundOperation;
		/** Whether it is a file of the page. */
		isPage?: boolean;
	}
}

type UntypedHandler = (
	params: Record<string, string>,
	body: unknown,
	call: { signal: AbortSignal },
) => unknown;

/** The server of the page. */
export interface WebServer {
	/** `127.0.0.1:PORT`, as browsers send it. */
	readonly host: string;
	/** Closes all connections. */
	close(): Promise<void>;
}

/** How browsers write the program's host: without the port that http has anyway. */
const hostOf = (port: number) => `127.0.0.1${port === 80 ? "" : `:${port}`}`;

/** Ends when the client goes away before the answer. */
function clientSignal({ raw }: FastifyReply): AbortSignal {
	const gone = new AbortController();
	raw.once("close", () => {
		if (!raw.writableFinished) gone.abort();
	});
	return gone.signal;
}

function sendProblem(reply: FastifyReply, problem: WebProblem): FastifyReply {
	if (problem.code === "no-session") reply.header("www-authenticate", "Bearer");
	return reply
		.code(problem.status)
		.headers(headers)
		.type("application/problem+json")
		.send(JSON.stringify(problem.body));
}

/** What serves the page. */
interface ServerParts {
	/** The document of the page. */
	bound: Bound;
	handlers: WebHandlers;
	sessions: Sessions;
	/** By path. */
	files: ReadonlyMap<string, PageFile>;
	/** Whether the user at the other end may have the page. */
	isUser: (socket: Socket) => Promise<boolean>;
	/** Gets errors of the program itself. */
	complain: (line: string) => void;
}

function createApp(): FastifyInstance {
	const app = fastify({
		forceCloseConnections: true,
		requestTimeout: requestMilliseconds,
		keepAliveTimeout: idleMilliseconds,
		routerOptions: { maxParamLength: 200 },
		// for a bad escape in the path, which reaches no hook
		frameworkErrors: (_error, _request, reply: FastifyReply) => {
			sendProblem(reply, new WebProblem("bad-request", "path: a bad escape"));
		},
	});
	app.server.headersTimeout = requestMilliseconds;
	app.server.maxConnections = maxConnections;
	app.removeAllContentTypeParsers();
	app.addContentTypeParser(
		"application/json",
		{ parseAs: "buffer" },
		(request: FastifyRequest, body: Buffer) => {
			const { maxBodyBytes = 0 } =
				request.routeOptions.config.webOperation ?? {};
			return parseBody(body, { maxBytes: maxBodyBytes });
		},
	);
	return app;
}

/**
 * Lets in only requests of this user, of the page itself, and with the key of a session.
 * @param own returns the program's host as browsers send it
 */
function guard(
	app: FastifyInstance,
	{ isUser, sessions }: Pick<ServerParts, "isUser" | "sessions">,
	own: () => string,
): void {
	// others are told why, and take no connection for long
	app.server.on("connection", async (socket: Socket) => {
		if (!(await isUser(socket)))
			setTimeout(() => socket.destroy(), foreignMilliseconds).unref();
	});
	app.addHook("onRequest", async (request: FastifyRequest, reply) => {
		reply.headers(headers);
		const { webOperation, isPage = false } = request.routeOptions.config;
		if (!(await isUser(request.raw.socket)))
			throw new WebProblem(
				"foreign",
				"the page is only for the user who runs happo-ctl web",
			);
		const why = foreignness(request.headers, own(), isPage);
		if (why !== undefined) throw new WebProblem("foreign", why);
		if (!webOperation || webOperation.operationId === openSession) return;
		const key = bearerKey(request.headers.authorization);
		if (key === undefined || !sessions.has(key))
			throw new WebProblem(
				"no-session",
				"no session with this key: open a new link of happo-ctl web",
			);
	});
}

/** Answers what fails, and what there is not, with problems. */
function answerProblems(
	app: FastifyInstance,
	{ bound, files, complain }: Pick<ServerParts, "bound" | "files" | "complain">,
): void {
	app.setErrorHandler((error, request, reply) => {
		const problem = toWebProblem(error);
		if (!problem)
			complain(`internal error: ${(error as Error).stack ?? error}`);
		const { operationId } = request.routeOptions.config.webOperation ?? {};
		return sendProblem(
			reply,
			problem ?? new WebProblem("internal", `internal error in ${operationId}`),
		);
	});
	app.setNotFoundHandler((request, reply) => {
		const [path = ""] = request.url.split("?");
		const methods = [
			...bound.at(path).map(({ method }) => method),
			...(files.has(path) ? ["GET"] : []),
		];
		if (methods.length === 0)
			return sendProblem(reply, new WebProblem("not-found", "no such path"));
		reply.header("allow", methods.join(", "));
		return sendProblem(
			reply,
			new WebProblem(
				"no-such-method",
				`no ${request.method}, only ${methods.join(", ")}`,
			),
		);
	});
}

/** Serves the files of the page, and the operations of its document. */
function route(
	app: FastifyInstance,
	parts: Pick<ServerParts, "bound" | "files" | "handlers">,
): void {
	const handlers = parts.handlers as unknown as Record<string, UntypedHandler>;
	for (const [path, { type, content }] of parts.files)
		app.get(path, { config: { isPage: true } }, (_request, reply) =>
			reply.type(type).send(content),
		);
	for (const operation of parts.bound.operations) {
		const { method, path, operationId, maxBodyBytes } = operation;
		app.route<{ Params: Record<string, string> }>({
			method,
			url: path.replace(/\{(\w+)\}/g, ":$1"),
			...(maxBodyBytes !== undefined && { bodyLimit: maxBodyBytes }),
			config: { webOperation: operation },
			handler: async ({ params, body, headers }, reply) => {
				const given = operation.accept({
					pathParameters: params,
					headers,
					body,
				});
				const signal = clientSignal(reply);
				const answer = await handlers[operationId]?.(params, given, { signal });
				return reply
					.type("application/json; charset=utf-8")
					.send(JSON.stringify(answer));
			},
		});
	}
}

/**
 * Serves the page and its operations on 127.0.0.1.
 * @param parts.port 0 takes a free one
 * @throws the system's error if it cannot listen
 */
export async function startWebServer(
	parts: ServerParts & { port: number },
): Promise<WebServer> {
	const app = createApp();
	let own = "";
	guard(app, parts, () => own);
	answerProblems(app, parts);
	route(app, parts);
	await app.listen({ host: "127.0.0.1", port: parts.port });
	own = hostOf((app.server.address() as AddressInfo).port);
	return { host: own, close: () => app.close() };
}
