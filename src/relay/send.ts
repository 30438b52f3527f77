import type { Dispatcher } from "undici";
import type { Abandonment } from "../abandonment.ts";
import { AgentError } from "../agent-error.ts";
import { Body, costly, declaredLength } from "../collect.ts";
import {
	type AttemptError,
	RelayError,
	relayError,
} from "../protocol/relay-error.ts";
import { inSlices, sliceBytes } from "../slices.ts";
import {
	type Connection,
	type Connections,
	createConnections,
	DeadConnection,
	type KeptLimits,
	type Open,
	type Taker,
} from "./connections.ts";

/** Headers by name, in lower case; those that came more than once are lists. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** The complete answer of another agent. */
export interface Fetched {
	status: number;
	contentType: string | undefined;
	headers: Headers;
	body: Buffer;
}

/** A request to send. */
export interface Sending {
	/** The hop, for messages; its connections are kept under this name. */
	place: string;
	/** Opens a connection to it. */
	open: Open;
	method: string;
	path: string;
	headers: Record<string, string>;
	body: Uint8Array;
	/** Send it again if a kept connection ends before the first byte of its answer. */
	mayRunTwice: boolean;
	/** Time limit until the answer's last byte; undefined means none. */
	timeoutMilliseconds: number | undefined;
	/** The original time limit, for messages, if part of it has been used. */
	wholeMilliseconds?: number | undefined;
	signal: Abandonment;
	/**
	 * Resolves when there is memory for this many more bytes of the answer; returns undefined if there
	 * is some. Without it there is no limit.
	 */
	reserve?: ((bytes: number) => Promise<void> | undefined) | undefined;
	/** Returns an error if this request must not be sent over this kept connection. */
	refuse?: (kept: Connection) => Error | undefined;
	/** Called when a new connection is being opened, and when it is open. */
	onConnecting?: () => void;
	onConnected?: () => void;
}

/** Chunks of a body that are taken in one turn of the event loop if they cost more than their data. */
const costlyChunks = 256;

/** Sends requests over kept connections. */
export interface Sender {
	/**
	 * Sends a request once. Sends it a second time, over a new connection, if a kept one had died
	 * before a byte was sent, or, for a request that may run twice, before a byte of its answer came.
	 * Rejects with RelayError, or with the error of `reserve`.
	 */
	send(sending: Sending): Promise<Fetched>;
	/** Closes the connections to one place. */
	forget(place: string): void;
	/** Closes all connections. */
	close(): void;
}

interface Limits {
	maxBodyBytes: number;
	/** Setting name used in the error message. */
	maxBodySetting: string;
}

/**
 * Limit of informational answers (such as 103 Early Hints) before the answer; few servers send even
 * one.
 */
const maxInformation = 32;

const lostError = (message: string, cause?: Error): AttemptError =>
	Object.assign(new Error(message, { cause }), { code: "ECONNRESET" });

const parseError = (reason: string, cause: Error): AttemptError =>
	Object.assign(new Error(`Parse Error: ${reason}`, { cause }), {
		code: "HPE_USER",
	});

/** Replaces undici's errors by those of Node, for the same messages. */
function nodeError(
	error: AttemptError,
	place: string,
	isAnswered: boolean,
): AttemptError {
	const { code, name, message } = error;
	// a body that ends too early, or a second length in the headers
	if (code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH")
		return isAnswered
			? lostError("aborted", error)
			: parseError("Content-Length is wrong", error);
	if (name === "HTTPParserError") {
		const [, reason = message] = /\((.*)\)$/s.exec(message) ?? [];
		return isAnswered && reason === "Invalid EOF state"
			? lostError("aborted", error)
			: parseError(reason, error);
	}
	if (code === "UND_ERR_HEADERS_OVERFLOW")
		return parseError("Header overflow", error);
	if (code !== "UND_ERR_SOCKET" && code !== "UND_ERR_INFO") return error;
	// undici takes neither of these two for an answer
	const status = { "bad upgrade": 101, "bad response": 100 }[message];
	return status === undefined
		? lostError("socket hang up", error)
		: new RelayError(`${place}: answered with status ${status}`);
}

/** One request, from the search for a connection to the end of the answer. */
class Exchange implements Dispatcher.DispatchHandler, Taker {
	readonly #sending: Sending;
	readonly #connections: Connections;
	readonly #limits: Limits;
	readonly #resolve: (fetched: Fetched) => void;
	readonly #reject: (error: Error) => void;
	#timer: NodeJS.Timeout | undefined;
	#connection: Connection | undefined;
	/** It was given to undici, which cannot take it back. */
	#isDispatched = false;
	#isUnsent = true;
	#isRepeated = false;
	#isLate = false;
	#isOver = false;
	#informed = 0;
	#costlyChunks = 0;
	#status = 0;
	#headers: Headers = {};
	#body: Body | undefined;

	constructor(
		sending: Sending,
		connections: Connections,
		limits: Limits,
		resolve: (fetched: Fetched) => void,
		reject: (error: Error) => void,
	) {
		this.#sending = sending;
		this.#connections = connections;
		this.#limits = limits;
		this.#resolve = resolve;
		this.#reject = reject;
	}

	begin() {
		const { timeoutMilliseconds, signal, place, open } = this.#sending;
		if (signal.aborted) return this.#abandoned();
		signal.addEventListener("abort", this.#abandoned);
		if (timeoutMilliseconds !== undefined)
			this.#timer = setTimeout(() => {
				this.#isLate = true;
				this.#abandoned();
			}, timeoutMilliseconds);
		this.#connections.take(place, open, this);
	}

	readonly #abandoned = (): void =>
		this.#fail(
			Object.assign(new Error("The operation was aborted"), {
				code: "ABORT_ERR",
			}),
		);

	opening(): void {
		this.#sending.onConnecting?.();
	}

	connected(connection: Connection) {
		const refused = connection.isKept && this.#sending.refuse?.(connection);
		if (refused) {
			this.#connections.give(this.#sending.place, connection);
			return this.#fail(refused);
		}
		this.#connection = connection;
		if (!connection.isKept) return this.#dispatch(connection);
		// one turn of the event loop reveals whether a kept connection has died; undici waits for the
		// end of another one, because the current turn may have polled already
		setImmediate(() => {
			if (connection.isSending) connection.close();
			if (this.#isOver) this.#connections.give(this.#sending.place, connection);
			else if (connection.isDead) this.failed(new DeadConnection());
			else this.#dispatch(connection);
		});
	}

	#dispatch(connection: Connection): void {
		const { method, path, headers, body } = this.#sending;
		this.#isDispatched = true;
		connection.begin();
		const isLarge = body.length > sliceBytes;
		connection.client.dispatch(
			{
				method: method as Dispatcher.HttpMethod,
				path,
				// undici would send a stream in chunks, which v1 (Go) takes, but other servers may not
				headers: isLarge
					? { ...headers, "content-length": String(body.length) }
					: headers,
				body: isLarge ? inSlices(body) : body,
			},
			this,
		);
	}

	failed(error: Error) {
		if (this.#isOver) return;
		if (!(error instanceof DeadConnection) || this.#isRepeated)
			return this.#fail(error);
		this.#isRepeated = true;
		this.#isDispatched = false;
		this.#connection?.close();
		this.#connection = undefined;
		const { place, open } = this.#sending;
		this.#connections.take(place, open, this, { isNew: true });
	}

	onRequestStart(): void {
		this.#isUnsent = false;
		this.#sending.onConnected?.();
	}

	onResponseStart(
		controller: Dispatcher.DispatchController,
		status: number,
		headers: Headers,
	) {
		if (this.#isOver) return;
		const { place, reserve } = this.#sending;
		if (status < 100 || status === 101)
			return this.#fail(
				new RelayError(`${place}: answered with status ${status}`),
			);
		if (status < 200) {
			if (++this.#informed > maxInformation)
				this.#fail(
					new RelayError(
						`${place}: more than ${maxInformation} answers with a status below 200`,
					),
				);
			return;
		}
		this.#status = status;
		this.#headers = headers;
		const { maxBodyBytes, maxBodySetting } = this.#limits;
		this.#body = new Body({
			declared: declaredLength(headers),
			maxBytes: maxBodyBytes,
			tooLarge: () =>
				new RelayError(
					`${place}: the answer is over ${maxBodyBytes} bytes (${maxBodySetting})`,
				),
			reserve,
		});
		this.#wait(controller, () => this.#body?.begin());
	}

	onResponseData(
		controller: Dispatcher.DispatchController,
		chunk: Buffer,
	): void {
		const body = this.#body;
		if (this.#isOver || !body) return;
		this.#wait(controller, () => body.take(chunk));
		if (!body.isCostly() || ++this.#costlyChunks % costlyChunks > 0) return;
		if (controller.paused) return;
		controller.pause();
		costly(() => {
			if (!this.#isOver) controller.resume();
		});
	}

	/** The sender waits until there is memory for what it has sent. */
	#wait(
		controller: Dispatcher.DispatchController,
		take: () => Promise<void> | undefined,
	): void {
		try {
			const taken = take();
			if (!taken) return;
			controller.pause();
			taken.then(
				() => {
					if (!this.#isOver) controller.resume();
				},
				(error) => this.#fail(error),
			);
		} catch (error) {
			this.#fail(error as Error);
		}
	}

	onResponseEnd(): void {
		if (this.#isOver) return;
		const type = this.#headers["content-type"];
		this.#end();
		if (this.#connection)
			this.#connections.give(this.#sending.place, this.#connection);
		this.#resolve({
			status: this.#status,
			contentType: Array.isArray(type) ? type[0] : type,
			headers: this.#headers,
			body: this.#body?.whole() ?? Buffer.alloc(0),
		});
	}

	onResponseError(
		_controller: Dispatcher.DispatchController,
		error: Error,
	): void {
		this.failed(
			this.#mayRepeat()
				? new DeadConnection()
				: nodeError(error, this.#sending.place, this.#body !== undefined),
		);
	}

	/** Whether its connection ended while nothing could have run, or what ran may run again. */
	#mayRepeat(): boolean {
		if (this.#isRepeated) return false;
		// an error before the request was sent is that of the kept connection
		if (this.#isUnsent) return true;
		const connection = this.#connection;
		return (
			this.#sending.mayRunTwice &&
			connection?.isKept === true &&
			!connection.isAnswering
		);
	}

	#end(): void {
		this.#isOver = true;
		clearTimeout(this.#timer);
		this.#sending.signal.removeEventListener("abort", this.#abandoned);
	}

	#fail(error: Error): void {
		if (this.#isOver) return;
		this.#end();
		const { place, timeoutMilliseconds, wholeMilliseconds } = this.#sending;
		if (!this.#connection) this.#connections.leave(place, this);
		else if (this.#isDispatched) this.#connection.reset();
		// no memory for the answer, which is not the hop's fault
		const reason =
			error instanceof AgentError
				? error
				: relayError(
						Object.assign(error, { isUnsent: this.#isUnsent }),
						place,
						{
							isLate: this.#isLate,
							timeoutMilliseconds: wholeMilliseconds ?? timeoutMilliseconds,
						},
					);
		this.#reject(reason);
	}
}

/**
 * Creates a sender.
 * @param limits.maxConnections to one hop; further requests wait for one
 */
export function createSender(
	limits: Limits & { maxConnections: number; kept?: KeptLimits | undefined },
): Sender {
	const connections = createConnections(limits.maxConnections, limits.kept);
	return {
		send: (sending) =>
			new Promise((resolve, reject) => {
				new Exchange(sending, connections, limits, resolve, reject).begin();
			}),
		forget: (place) => connections.forget(place),
		close: () => connections.close(),
	};
}
