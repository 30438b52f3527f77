import { isUtf8 } from "node:buffer";
import type { Socket } from "node:net";
import type { AgentError } from "../agent-error.ts";
import type { FairLimit } from "../fair-limit.ts";
import type { Connection } from "../http/connection.ts";
import { ConnectionCall } from "../http/connection-call.ts";
import type { Answered } from "../http/reply.ts";
import { type Caller, type NrpeCommand, nrpeCommand } from "../policy/call.ts";
import {
	answerPacket,
	maxTextBytes,
	type NrpeQuery,
	type PacketVersion,
} from "./packet.ts";
import { PacketReader } from "./packet-reader.ts";
import { fittingText } from "./text.ts";

/** After its answer, a client has this long to close its side. */
const lingerMilliseconds = 1_000;

/** The result of a check, ready to be sent. */
export interface NrpeAnswer {
	/** Nagios' status, 0 to 3. */
	status: number;
	text: Buffer;
	/** Bytes of the whole text, if there was more. */
	printed?: number;
}

/**
 * The one request of an NRPE connection, from its first byte to the end of the connection. Handlers
 * get it as their `Call`.
 */
export class NrpeRequest extends ConnectionCall {
	/** NRPE does not say that an answer has arrived. */
	readonly deliver = undefined;
	readonly hopsPassed = 0;
	readonly millisecondsLeft = undefined;
	readonly accept: readonly string[] = [];
	readonly response: Socket;
	/** The command and its arguments; without a name if the packet has none, or is not UTF-8. */
	command: NrpeCommand = { name: "", values: [] };
	readonly #work: (request: NrpeRequest) => Promise<NrpeAnswer>;
	readonly #tell: (answered: Answered) => void;
	#version: PacketVersion | undefined;
	#refusal: string | undefined;
	#status: number | undefined;

	/**
	 * @param parts.memory the budget for bytes of requests and answers
	 * @param parts.waitMilliseconds the longest wait for memory
	 * @param parts.packetMilliseconds how long the packet may take to arrive
	 * @param parts.run answers the request; an AgentError becomes an answer, too
	 * @param parts.tell is called once, when the request is over; must not throw
	 */
	constructor(parts: {
		connection: Connection;
		socket: Socket;
		memory: FairLimit;
		waitMilliseconds: number;
		packetMilliseconds: number;
		run: (request: NrpeRequest) => Promise<NrpeAnswer>;
		tell: (answered: Answered) => void;
	}) {
		super(parts);
		const { socket } = parts;
		this.response = socket;
		this.#work = parts.run;
		this.#tell = parts.tell;
		// reported as the end of the connection
		socket.on("error", () => {});
		new PacketReader(socket, {
			milliseconds: parts.packetMilliseconds,
			reserve: (bytes) => this.reserve(bytes, "request"),
			arrived: (query) => this.#arrived(query),
			// nobody knows which version an answer should have
			failed: (reason) => {
				this.#refusal = reason;
				socket.destroy();
			},
		});
		// before its packet is complete, the connection does not know it
		socket.once("close", () => this.over());
	}

	#arrived(query: NrpeQuery): void {
		this.#version = query.version;
		const { text } = query;
		if (isUtf8(text)) this.command = nrpeCommand(text.toString("utf8"));
		this.connection.arrive(this);
	}

	protected run(): void {
		this.#work(this).then(
			(answer) => this.#answer(answer),
			(error: AgentError) => {
				this.addFacts(error.facts);
				if (!this.isOver) this.#refusal = error.logged;
				this.#answer(refusal(error.message));
			},
		);
	}

	/** Sends the answer in one piece, and closes our side: over TLS, check_nrpe waits for that. */
	#answer({ status, text, printed }: NrpeAnswer): void {
		this.isRunning = false;
		if (this.isOver) {
			this.report();
			return;
		}
		const version = this.#version ?? 4;
		const fitting = fittingText(text, maxTextBytes[version], printed);
		const packet = answerPacket(version, status, fitting);
		this.#status = status;
		this.unread = { since: performance.now(), bytes: packet.length };
		this.buffered.keep(packet.length);
		const { response } = this;
		response.end(packet, () => {
			const end = setTimeout(() => response.destroy(), lingerMilliseconds);
			response.once("close", () => clearTimeout(end));
		});
	}

	/** What the caller has proved. Ask again for each decision, as with HTTPS. */
	get caller(): Caller {
		const { address, certificate } = this.connection;
		return { isAdmin: false, address, certificate, keyDigest: undefined };
	}

	protected report(): void {
		const { connection, response, unread } = this;
		const { client, clientPort, isDenied } = connection;
		const isWhole = response.writableFinished;
		this.#tell({
			...{ client, clientPort, isDenied },
			method: this.#version === undefined ? "" : `NRPE/${this.#version}`,
			target: this.command.name,
			operationId: "nrpe",
			status: this.#status,
			isCut: unread !== undefined && !isWhole,
			bytes: isWhole ? unread?.bytes : undefined,
			milliseconds: (unread?.since ?? performance.now()) - this.arrivedAt,
			refusal: this.#refusal,
			facts: this.facts,
		});
	}
}

/** The answer to a request that is refused or fails: unknown, in one line like those of NRPE. */
const refusal = (message: string): NrpeAnswer => ({
	status: 3,
	text: Buffer.from(`NRPE: ${message.replace(/[\n\0]/g, " ")}`),
});
