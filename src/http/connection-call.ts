import { Abandoning, type Abandonment } from "../abandonment.ts";
import { BufferedBytes } from "../buffered-bytes.ts";
import type { FairLimit } from "../fair-limit.ts";
import type { Call, Facts, Permission, Permit } from "../operation.ts";
import type { AskedBy } from "../protocol/audit-line.ts";
import type { Connection, ConnectionRequest } from "./connection.ts";

/**
 * A request of a connection from arrival to end, as handlers get it: what is the same for every
 * protocol.
 */
export abstract class ConnectionCall implements Call, ConnectionRequest {
	readonly connection: Connection;
	abstract readonly response: ConnectionRequest["response"];
	abstract readonly deliver: ConnectionRequest["deliver"];
	abstract readonly hopsPassed: number;
	abstract readonly millisecondsLeft: number | undefined;
	abstract readonly accept: readonly string[];
	/** Set when the answer is sent. */
	unread: { since: number; bytes: number } | undefined;
	protected readonly arrivedAt = performance.now();
	protected readonly buffered: BufferedBytes;
	protected readonly facts: Facts = {};
	/** Between its begin and its answer. */
	protected isRunning = false;
	protected isOver = false;
	#gone: Abandoning | undefined;
	#permit: Permit | undefined;
	#who: readonly string[] = [];

	/**
	 * @param parts.memory the budget for bytes of requests and answers
	 * @param parts.waitMilliseconds the longest wait for memory
	 */
	constructor(parts: {
		connection: Connection;
		memory: FairLimit;
		waitMilliseconds: number;
	}) {
		const { connection, memory, waitMilliseconds } = parts;
		this.connection = connection;
		this.buffered = new BufferedBytes({ memory, waitMilliseconds, call: this });
	}

	/** Answers it; the earlier requests of its connection are over. */
	protected abstract run(): void;

	/** Called once, when it is over and does not run any more; must not throw. */
	protected abstract report(): void;

	begin(): void {
		this.isRunning = true;
		this.run();
	}

	addFacts(facts: Facts | undefined): void {
		if (facts) Object.assign(this.facts, facts);
	}

	reserve(bytes: number, what?: string): Promise<void> | undefined {
		return this.buffered.reserve(bytes, what);
	}

	get client(): string {
		return this.#who.length > 0 ? this.#who.join(",") : this.connection.client;
	}

	get permit(): Permit | undefined {
		return this.#permit;
	}

	get timeoutSeconds(): number | undefined {
		return this.#permit?.run?.timeoutSeconds;
	}

	/** Notes what the policy permits. */
	permitted({ permit, who }: Permission): void {
		this.#permit = permit;
		this.#who = who;
	}

	get askedBy(): AskedBy {
		const { address } = this.connection;
		return { who: this.#who, address, unprovedHops: this.hopsPassed };
	}

	/** Created lazily: most requests need none. */
	get signal(): Abandonment {
		this.#gone ??= new Abandoning();
		if (this.isOver && !this.response.writableFinished) this.#gone.abort();
		return this.#gone;
	}

	over(): void {
		if (this.isOver) return;
		this.isOver = true;
		if (!this.response.writableFinished) this.#gone?.abort();
		this.buffered.release();
		// if its handler still runs, report when that ends, with its facts
		if (!this.isRunning) this.report();
	}
}
