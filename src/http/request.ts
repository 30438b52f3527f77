import type { IncomingMessage, ServerResponse } from "node:http";
import { AgentError } from "../agent-error.ts";
import { type FairLimit, LimitReached, type Taken } from "../fair-limit.ts";
import type { Call, Facts } from "../operation.ts";
import type { Connection } from "./connection.ts";
import { type Objection, objectionRecord } from "./errors.ts";
import type { Answer, Answered } from "./reply.ts";

/** What the contract has where a request goes. */
export type Place = Pick<Answered, "path" | "operationId">;

/** A header that the contract declares as a number; it refuses what is none. */
const countIn = (header: string | string[] | undefined) =>
	typeof header === "string" && /^\d{1,9}$/.test(header)
		? Number(header)
		: undefined;

/**
 * A request from its arrival to its end: queued behind others of its connection,
 * read, run, answered, over. It is what handlers know of the request, too.
 */
export class IncomingRequest implements Call {
	readonly connection: Connection;
	readonly raw: IncomingMessage;
	readonly response: ServerResponse;
	/** Told once whether the answer was delivered; set by an answer that wants to know. */
	deliver: ((isDelivered: boolean) => void) | undefined;
	/** Its body is still coming in. */
	isReading = false;
	readonly #run: () => void;
	readonly #tell: (answered: Answered) => void;
	readonly #arrivedAt = performance.now();
	#place: Place = {};
	#facts: Facts = {};
	#refusal: string | undefined;
	/** Status of an answer that went past the response. */
	#status: number | undefined;
	#answeredAt = 0;
	#bytes: number | undefined;
	readonly #memory: FairLimit;
	readonly #waitMilliseconds: number;
	readonly #reserved: Taken[] = [];
	#gone: AbortController | undefined;
	#isRunning = false;
	#isOver = false;

	/**
	 * @param parts.memory what the bytes of bodies and answers count in
	 * @param parts.waitMilliseconds for memory, at most
	 * @param parts.run answers it, when its turn has come
	 * @param parts.tell hears of it once, when it is over; must not throw
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
		this.connection = parts.connection;
		this.raw = parts.raw;
		this.response = parts.response;
		this.#memory = parts.memory;
		this.#waitMilliseconds = parts.waitMilliseconds;
		this.#run = parts.run;
		this.#tell = parts.tell;
	}

	/** The requests before it are over. */
	begin(): void {
		this.#isRunning = true;
		this.#run();
	}

	/** It has been routed. */
	goesTo(place: Place): void {
		this.#place = place;
	}

	/** Path of its operation as the contract writes it; "" if there is none. */
	get path(): string {
		return this.#place.path ?? "";
	}

	/** It is answered with a refusal. */
	refused(why: Objection): void {
		if (why !== "denied") this.addFacts(why.facts);
		// what its handler says after the client has gone is no reason
		if (this.#isOver || this.#status !== undefined) return;
		this.#refusal = objectionRecord(why).refusal;
	}

	addFacts(facts: Facts | undefined): void {
		if (facts) Object.assign(this.#facts, facts);
	}

	/** Its answer is on its way; nothing goes out as the body of one to HEAD. */
	answers({ payload, delivered }: Answer): void {
		this.#isRunning = false;
		if (this.#isOver) {
			delivered?.(false);
			this.#report();
			return;
		}
		this.#answeredAt = performance.now();
		this.#bytes = this.raw.method === "HEAD" ? 0 : Buffer.byteLength(payload);
		this.#keepReserved(this.#bytes);
		this.deliver = delivered;
		if (delivered) this.connection.linger();
	}

	/** It is answered on the socket, where its response cannot be. */
	answersOnSocket(why: Objection): void {
		this.refused(why);
		this.#status = objectionRecord(why).status;
	}

	/** An answer that is complete on our side and that its reader has not taken: since when, and its size. */
	get unread(): { since: number; bytes: number } | undefined {
		if (!this.response.writableEnded) return undefined;
		return { since: this.#answeredAt, bytes: this.#bytes ?? 0 };
	}

	async reserve(bytes: number, what = "answer"): Promise<void> {
		const { client, signal } = this;
		// a quarter of a small limit is what an answer can have; a body must fit
		const amount =
			what === "answer" ? Math.min(bytes, this.#memory.limit / 4) : bytes;
		const timeoutMilliseconds = Math.min(
			this.#waitMilliseconds,
			this.millisecondsLeft ?? Number.POSITIVE_INFINITY,
		);
		const wanted = { client, amount, timeoutMilliseconds, signal };
		const taken = await this.#memory.acquire(wanted).catch((cause) => {
			throw new AgentError(
				"busy",
				cause instanceof LimitReached
					? `${what}: ${this.#memory.taken} bytes of requests and answers are in memory (max-buffered-bytes)`
					: "the client has gone",
				{ cause },
			);
		});
		if (this.#isOver) taken.release();
		else this.#reserved.push(taken);
	}

	/** Of what was reserved, all but so many bytes is given back. */
	#keepReserved(bytes: number) {
		let left = bytes;
		for (const taken of this.#reserved) {
			taken.shrink(left);
			left -= taken.amount;
		}
	}

	/** Bytes that are reserved for this request. */
	get reserved(): number {
		return this.#reserved.reduce((sum, { amount }) => sum + amount, 0);
	}

	get client(): string {
		return this.connection.client;
	}

	/** Made when it is asked for: it takes a tenth of a small request's time. */
	get signal(): AbortSignal {
		this.#gone ??= new AbortController();
		if (this.#isOver && !this.response.writableFinished) this.#gone.abort();
		return this.#gone.signal;
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

	/** Its answer is sent, or will never be. Called once, by its connection. */
	over(): void {
		if (this.#isOver) return;
		this.#isOver = true;
		if (!this.response.writableFinished) this.#gone?.abort();
		this.#keepReserved(0);
		// what it was about is known when its handler has ended
		if (!this.#isRunning) this.#report();
	}

	#report(): void {
		const { response, raw, connection } = this;
		// one that was queued behind another never had the socket
		const isSent =
			response.headersSent &&
			(response.writableFinished || response.socket !== null);
		const isWhole = isSent && response.writableFinished;
		// named one by one: behind a spread each of them costs as much as a record
		this.#tell({
			client: connection.client,
			clientPort: connection.clientPort,
			method: raw.method ?? "",
			target: askedPath(raw.url ?? ""),
			path: this.#place.path,
			operationId: this.#place.operationId,
			status: isSent ? response.statusCode : this.#status,
			isCut: isSent && !isWhole,
			bytes: isWhole ? this.#bytes : undefined,
			milliseconds: performance.now() - this.#arrivedAt,
			refusal: this.#refusal,
			isDenied: connection.isDenied,
			facts: isSent ? this.#facts : whatOnly(this.#facts),
		});
	}
}

/** Of a request that nobody waited for: what it was about, not what became of it. */
const whatOnly = ({ plugin, command, option, hop }: Facts): Facts => ({
	...(plugin !== undefined && { plugin }),
	...(command !== undefined && { command }),
	...(option !== undefined && { option }),
	...(hop !== undefined && { hop }),
});

/** A request that was answered on its socket before it became one. */
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

/** Media types of an Accept header, best first. */
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

/**
 * A request target as a path (RFC 9112 3.2): proxies send whole URLs, and `*`
 * means no path at all.
 */
export function originForm(target: string): string {
	if (target.startsWith("/")) return target;
	const absolute = /^https?:\/\/[^/?]*(.*)$/i.exec(target);
	if (!absolute) return "/*";
	return absolute[1]?.startsWith("/") ? absolute[1] : `/${absolute[1]}`;
}

/** The path that was asked for, its escapes undone, but for that of a slash: `%2F` separates nothing. */
export function askedPath(url: string): string {
	if (!/[?#%]/.test(url)) return url;
	const [path = "/"] = url.split(/[?#]/, 1);
	try {
		return decodeURIComponent(path.replace(/%(?=2f)/gi, "%25"));
	} catch {
		return path;
	}
}
