import type { IncomingMessage, ServerResponse } from "node:http";
import { AgentError } from "../agent-error.ts";
import { collect, declaredLength, discard } from "../collect.ts";
import type { FairLimit } from "../fair-limit.ts";
import type { Facts } from "../operation.ts";
import type { Caller } from "../policy/call.ts";
import { keyDigest } from "../policy/key.ts";
import { bearerKey, maxKeyCharacters } from "../protocol/api-key.ts";
import type { Connection } from "./connection.ts";
import { ConnectionCall } from "./connection-call.ts";
import { type Objection, objectionRecord } from "./errors.ts";
import type { Answer, Answered } from "./reply.ts";

/** The contract's path and operation for a request. */
export type Target = Pick<Answered, "path" | "operationId">;

/** Reads a header that the contract declares as a number; undefined if it is absent or invalid. */
const countIn = (header: string | string[] | undefined) =>
	typeof header === "string" && /^\d{1,9}$/.test(header)
		? Number(header)
		: undefined;

/**
 * A request from arrival to end: queued behind earlier requests of its connection, read, run,
 * answered, over. Handlers get it as their `Call`.
 */
export class IncomingRequest extends ConnectionCall {
	readonly raw: IncomingMessage;
	readonly response: ServerResponse;
	deliver: ((isDelivered: boolean) => void) | undefined;
	/** Whether its body is still being read. */
	isReading = false;
	protected readonly run: () => void;
	readonly #tell: (answered: Answered) => void;
	#target: Target = {};
	#refusal: string | undefined;
	/** Status of an answer that was written to the socket directly. */
	#status: number | undefined;
	/** `apikey` of the body. */
	#bodyKey: unknown;
	/** The digest of its key, once asked for, and the key. */
	#digest: { of: string; text: string } | undefined;

	/**
	 * @param parts.memory the budget for bytes of bodies and answers
	 * @param parts.waitMilliseconds the longest wait for memory
	 * @param parts.run answers the request, once the earlier ones are over
	 * @param parts.tell is called once, when the request is over; must not throw
	 */
	constructor(parts: {
		connection: Connection;
		raw: IncomingMessage;
		response: ServerResponse;
		memory: FairLimit;
		waitMilliseconds: number;
		run: () => void;
		tell: (answered: Answered) => void;
	}) {
		super(parts);
		this.raw = parts.raw;
		this.response = parts.response;
		this.run = parts.run;
		this.#tell = parts.tell;
	}

	/** Notes where it was routed. */
	goesTo(target: Target): void {
		this.#target = target;
	}

	/** Path of its operation, as in the contract; "" if there is none. */
	get path(): string {
		return this.#target.path ?? "";
	}

	/** Notes that it is refused. */
	refused(why: Objection): void {
		if (why !== "denied") this.addFacts(why.facts);
		// errors of a handler after the client has disconnected are not the reason
		if (this.isOver || this.#status !== undefined) return;
		this.#refusal = objectionRecord(why).refusal;
	}

	/** Notes that its answer is being sent; to HEAD it has no body. */
	answers({ payload, delivered }: Answer): void {
		this.isRunning = false;
		if (this.isOver) {
			delivered?.(false);
			this.report();
			return;
		}
		if (!this.raw.complete) discard(this.raw);
		const bytes = this.raw.method === "HEAD" ? 0 : Buffer.byteLength(payload);
		this.unread = { since: performance.now(), bytes };
		this.buffered.keep(bytes);
		this.deliver = delivered;
		if (delivered) this.connection.linger();
	}

	/** Notes that it is answered directly on the socket. */
	answersOnSocket(why: Objection): void {
		this.refused(why);
		this.#status = objectionRecord(why).status;
	}

	/** Bytes reserved for this request. */
	get reserved(): number {
		return this.buffered.bytes;
	}

	/** Notes the key in its body, after the contract has accepted that. */
	has(body: unknown): void {
		this.#bodyKey = (body as { apikey?: unknown } | undefined)?.apikey;
	}

	/**
	 * What the caller has proved. Before its body has been read, it lacks the key of a body. Ask again
	 * for each decision: a certificate may be revoked in between.
	 */
	get caller(): Caller {
		const { isAdmin, address, certificate } = this.connection;
		return { isAdmin, address, certificate, keyDigest: this.#keyDigest() };
	}

	/** Of the key in the Authorization header, otherwise of the one in the body. */
	#keyDigest(): string | undefined {
		const key = bearerKey(this.raw.headers.authorization) ?? this.#bodyKey;
		if (typeof key !== "string" || key === "" || key.length > maxKeyCharacters)
			return undefined;
		if (this.#digest?.of !== key)
			this.#digest = { of: key, text: keyDigest(key) };
		return this.#digest.text;
	}

	get millisecondsLeft(): number | undefined {
		return countIn(this.raw.headers["happo-milliseconds-left"]);
	}

	get hopsPassed(): number {
		return countIn(this.raw.headers["happo-hops"]) ?? 0;
	}

	get accept(): readonly string[] {
		return acceptedTypes(this.raw.headers.accept);
	}

	protected report(): void {
		const { response, raw, connection } = this;
		// a request that was still queued has never had the socket
		const isSent =
			response.headersSent &&
			(response.writableFinished || response.socket !== null);
		const isWhole = isSent && response.writableFinished;
		// no spread, which would make this several times slower
		this.#tell({
			client: connection.client,
			clientPort: connection.clientPort,
			method: raw.method ?? "",
			target: askedPath(raw.url ?? ""),
			path: this.#target.path,
			operationId: this.#target.operationId,
			status: isSent ? response.statusCode : this.#status,
			isCut: isSent && !isWhole,
			bytes: isWhole ? this.unread?.bytes : undefined,
			milliseconds: performance.now() - this.arrivedAt,
			refusal: this.#refusal,
			isDenied: connection.isDenied,
			facts: isSent ? this.facts : subjectOnly(this.facts),
		});
	}
}

/** The facts about an abandoned request: its subject, not its result. */
const subjectOnly = ({ plugin, command, option, hop }: Facts): Facts => ({
	...(plugin !== undefined && { plugin }),
	...(command !== undefined && { command }),
	...(option !== undefined && { option }),
	...(hop !== undefined && { hop }),
});

/** Describes a request that was answered on the socket before it had a response object. */
export function answeredOnSocket(
	{ client, clientPort, isDenied }: Connection,
	why: Objection,
	request?: Pick<IncomingMessage, "method" | "url">,
	path?: string,
): Answered {
	return {
		client,
		clientPort,
		method: request?.method ?? "",
		target: askedPath(request?.url ?? ""),
		path,
		...objectionRecord(why),
		milliseconds: 0,
		isDenied,
		facts: {},
	};
}

/** Returns the media types of an Accept header, best first. */
export function acceptedTypes(header: string | undefined): string[] {
	return (header ?? "")
		.split(",")
		.map((part) => {
			const [type = "", ...parameters] = part.split(";").map((p) => p.trim());
			const quality = parameters.find((p) => p.startsWith("q="));
			return {
				type: type.toLowerCase(),
				quality: quality ? Number(quality.slice(2)) : 1,
			};
		})
		.filter(({ type, quality }) => type !== "" && quality > 0)
		.sort((a, b) => b.quality - a.quality)
		.map(({ type }) => type);
}

/** Turns a request target into a path (RFC 9112 3.2): proxies send whole URLs, and `*` is not a path. */
export function originForm(target: string): string {
	if (target.startsWith("/")) return target;
	const absolute = /^https?:\/\/[^/?]*(.*)$/i.exec(target);
	if (!absolute) return "/*";
	return absolute[1]?.startsWith("/") ? absolute[1] : `/${absolute[1]}`;
}

/** Decodes the requested path, except `%2F`, which is not a separator. */
export function askedPath(url: string): string {
	if (!/[?#%]/.test(url)) return url;
	const [path = "/"] = url.split(/[?#]/, 1);
	try {
		return decodeURIComponent(path.replace(/%(?=2f)/gi, "%25"));
	} catch {
		return path;
	}
}

/**
 * Reads the whole body of a request. Its bytes count towards the memory budget until the request is
 * answered; without room in the budget, the client waits.
 * @param limits.maxBytes of this body
 * @throws AgentError `body-too-large` above the limit, `busy` if there is no room in time,
 * `bad-body` if the client disconnects
 */
export async function readBody(
	request: IncomingRequest,
	limits: {
		maxBytes: number;
		/** The setting that sets the limit, for the message; undefined if the contract sets it. */
		setting?: string;
	},
): Promise<Buffer> {
	const { raw, response } = request;
	const { maxBytes, setting } = limits;
	try {
		return await collect(raw, {
			declared: declaredLength(raw.headers),
			maxBytes,
			tooLarge: () =>
				new AgentError(
					"body-too-large",
					`body: over the limit of ${maxBytes} bytes${setting ? ` (${setting})` : ""}`,
				),
			reserve: (bytes) => request.reserve(bytes, "body"),
			// only now, so that a client that asks first does not send a body that is refused
			begins: () => {
				if (raw.headers.expect !== undefined) response.writeContinue();
			},
		});
	} catch (error) {
		if (!(error instanceof AgentError))
			throw new AgentError(
				"bad-body",
				"body: the connection closed before its end",
			);
		request.connection.linger();
		throw error;
	}
}
