import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { type ConnectionOptions, checkServerIdentity } from "node:tls";
import {
	AckPolicy,
	type ConsumerMessages,
	DiscardPolicy,
	type JetStreamClient,
	type JsMsg,
	jetstream,
	jetstreamManager,
	RetentionPolicy,
	StorageType,
} from "@nats-io/jetstream";
import {
	type Authenticator,
	connect,
	credsAuthenticator,
	type NatsConnection,
	PermissionViolationError,
	type TlsOptions,
} from "@nats-io/transport-node";
import type { Log } from "../../src/log.ts";
import { createLogRepeats, type LogRepeats } from "../../src/log-repeats.ts";
import { type DueQueue, QueueError, type QueueFigures } from "./queue.ts";

export interface QueueOptions {
	/** Servers, such as `nats://127.0.0.1:4222`, without user and password. */
	servers: readonly string[];
	/** The queue's name: collectors with the same name share the work. */
	name: string;
	user?: string | undefined;
	password?: string | undefined;
	/** A file with credentials (JWT and seed), which each login reads again. */
	credentialsFile?: string | undefined;
	/** With TLS; `ca` is PEM. */
	tls?: { ca?: string | undefined } | undefined;
	intervalSeconds: number;
	/** The longest time of a pass, in seconds. */
	passSeconds: number;
	log: Pick<Log, "info" | "warning" | "error">;
}

const toNanoseconds = (seconds: number) => Math.round(seconds * 1e9);

/** Hosts taken at a time. */
const takenAtOnce = 32;

/** Servers of a cluster that have the stream: of three, one may die. */
const replicas = 3;

/** How long a request for hosts waits, in milliseconds: at least a second. */
const waitMilliseconds = 1_000;

/** Publishing that fails for less than this, again and again, is not said to work again. */
const flappingMilliseconds = 10_000;

/** Time before the next trial, in milliseconds. */
const pauseMilliseconds = 1_000;
/** Time before it is asked again whether there is a place, in milliseconds. */
const fullMilliseconds = 25;

/** The reason of a failure. Without a stream, the server's own words mislead. */
const reasonOf = (error: unknown) => {
	const { message } = error as Error;
	return /jetstream is not enabled|no responders/i.test(message)
		? "the server has no JetStream, or no stream for the queue"
		: message;
};

/**
 * How to verify the servers. The client has no name of a server that is an address, and Node would
 * verify "localhost" then, which any server of the CA may be.
 */
function tlsOf(servers: readonly string[], ca: string | undefined): TlsOptions {
	const hosts = servers.map((server) =>
		server.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1"),
	);
	const addresses = hosts.filter((host) => isIP(host) !== 0);
	const options: TlsOptions & Pick<ConnectionOptions, "checkServerIdentity"> = {
		...(ca !== undefined && { ca }),
		checkServerIdentity: (name, certificate) => {
			if (hosts.includes(name)) return checkServerIdentity(name, certificate);
			const failures = addresses.map((address) =>
				checkServerIdentity(address, certificate),
			);
			return failures.includes(undefined)
				? undefined
				: (failures[0] ?? checkServerIdentity(name, certificate));
		},
	};
	return options;
}

/**
 * Logs in with what the file has now, as a JWT that ends is renewed there. If that cannot be used, as
 * the file is being replaced, the contents of the last login are used again: an error would end the
 * connection for good.
 */
function loginWith(file: string): Authenticator {
	let last: Authenticator | undefined;
	return (nonce) => {
		try {
			const read = credsAuthenticator(readFileSync(file));
			const login = read(nonce);
			last = read;
			return login;
		} catch (error) {
			if (last) return last(nonce);
			throw error;
		}
	};
}

const queueError = (error: unknown) =>
	new QueueError(`--queue: ${reasonOf(error)}`, { cause: error });

/**
 * Connects to NATS and creates the stream and its consumer, unless another collector has. A stream
 * is all that collectors share: whoever dies leaves hosts to the others, and a stream that is lost
 * costs an interval, as agents keep what nobody asks for.
 * @throws QueueError if the servers do not answer, or refuse
 */
export async function openDueQueue(options: QueueOptions): Promise<DueQueue> {
	const { name, log } = options;
	const connection = await connect({
		servers: [...options.servers],
		name: "happo-collector",
		...(options.user !== undefined && {
			user: options.user,
			pass: options.password ?? "",
		}),
		...(options.credentialsFile !== undefined && {
			authenticator: loginWith(options.credentialsFile),
		}),
		...(options.tls && { tls: tlsOf(options.servers, options.tls.ca) }),
		// others than those that the user has named are not asked
		ignoreClusterUpdates: true,
		// for ever, and also if the login is refused: the server may not know the user yet
		maxReconnectAttempts: -1,
		ignoreAuthErrorAbort: true,
		reconnectTimeWait: 1_000,
		timeout: 10_000,
	}).catch((error) => {
		throw queueError(error);
	});
	const queue = new NatsQueue(connection, options);
	try {
		await queue.prepare();
	} catch (error) {
		await connection.close();
		throw queueError(error);
	}
	log.info(`queue ${name}: connected to ${connection.getServer()}`);
	void queue.watch();
	return queue;
}

class NatsQueue implements DueQueue {
	readonly #connection: NatsConnection;
	readonly #options: QueueOptions;
	readonly #jetstream: JetStreamClient;
	readonly #stream: string;
	readonly #subject: string;
	readonly #figures: QueueFigures = {
		...{ isConnected: true, published: 0, duplicates: 0, failed: 0 },
		...{ taken: 0, again: 0 },
	};
	readonly #repeats: LogRepeats;
	#isStopped = false;
	/** How often the connection has ended. */
	#ends = 0;
	#fetching: ConsumerMessages | undefined;

	constructor(connection: NatsConnection, options: QueueOptions) {
		this.#connection = connection;
		this.#options = options;
		this.#repeats = createLogRepeats({ log: options.log });
		this.#jetstream = jetstream(connection, { timeout: 5_000 });
		this.#stream = `${options.name}-due`;
		this.#subject = `${options.name}.due`;
	}

	/** Creates stream and consumer, or changes them to what they have to be now. */
	async prepare(): Promise<void> {
		const { intervalSeconds, passSeconds } = this.#options;
		const manager = await jetstreamManager(this.#connection, {
			timeout: 5_000,
		});
		const stream = {
			subjects: [this.#subject],
			// otherwise the stream is on one server of a cluster, and gone with it
			num_replicas: this.#options.servers.length >= replicas ? replicas : 1,
			// a host that nobody has taken is due again after an interval
			max_age: toNanoseconds(2 * intervalSeconds),
			duplicate_window: toNanoseconds(2 * intervalSeconds),
			max_msgs: 1_000_000,
			discard: DiscardPolicy.Old,
		};
		const consumer = {
			ack_wait: toNanoseconds(passSeconds),
			max_deliver: 3,
			max_ack_pending: 100_000,
		};
		try {
			await manager.streams.add({
				name: this.#stream,
				retention: RetentionPolicy.Workqueue,
				// a server that dies loses them, which costs an interval
				storage: StorageType.Memory,
				...stream,
			});
		} catch (error) {
			if (!/already in use/i.test((error as Error).message)) throw error;
			await manager.streams.update(this.#stream, stream);
		}
		try {
			await manager.consumers.add(this.#stream, {
				durable_name: "collectors",
				ack_policy: AckPolicy.Explicit,
				...consumer,
			});
		} catch (error) {
			if (!/already/i.test((error as Error).message)) throw error;
			await manager.consumers.update(this.#stream, "collectors", consumer);
		}
	}

	/** Follows the state of the connection. */
	async watch(): Promise<void> {
		const { log, name } = this.#options;
		for await (const status of this.#connection.status()) {
			const { type } = status;
			// what a user may not do fails by itself
			if (
				status.type === "error" &&
				!(status.error instanceof PermissionViolationError)
			)
				this.#failed(
					"connecting",
					`queue ${name}: the server says: ${status.error.message}`,
				);
			if (type === "disconnect" && this.#figures.isConnected) {
				this.#figures.isConnected = false;
				this.#ends++;
				if (!this.#isStopped)
					log.error(`queue ${name}: not connected, trying again`);
			}
			if (type === "reconnect") {
				this.#figures.isConnected = true;
				log.info(`queue ${name}: connected again`);
				this.#repeats.right("connecting", `queue ${name}: connecting`);
			}
		}
	}

	/** Logs that something fails: once, and then every hour. */
	#failed(what: "connecting" | "publishing" | "taking", line: string): void {
		if (this.#isStopped) return;
		this.#repeats.wrong(what, {
			...{ kind: line, level: "error", lines: [line] },
		});
	}

	publish(key: string, number: number): void {
		if (this.#isStopped) return;
		if (!this.#figures.isConnected) {
			this.#figures.failed++;
			return;
		}
		const ends = this.#ends;
		const { name } = this.#options;
		this.#jetstream
			.publish(this.#subject, key, { msgID: `${number} ${key}` })
			.then(
				({ duplicate }) => {
					if (duplicate) this.#figures.duplicates++;
					else this.#figures.published++;
					this.#repeats.right(
						"publishing",
						`queue ${name}: putting hosts into it`,
						flappingMilliseconds,
					);
				},
				(error) => {
					this.#figures.failed++;
					// its end costs the answers that are on their way
					if (ends === this.#ends)
						this.#failed(
							"publishing",
							`queue ${name}: hosts cannot be put into it: ${reasonOf(error)}`,
						);
				},
			);
	}

	start(worker: Parameters<DueQueue["start"]>[0]): void {
		void this.#take(worker);
	}

	async #take({
		take,
		isFull,
	}: Parameters<DueQueue["start"]>[0]): Promise<void> {
		const { name } = this.#options;
		while (!this.#isStopped)
			try {
				const consumer = await this.#jetstream.consumers.get(
					this.#stream,
					"collectors",
				);
				while (!this.#isStopped) {
					if (isFull()) {
						await pause(fullMilliseconds);
						continue;
					}
					this.#fetching = await consumer.fetch({
						max_messages: takenAtOnce,
						expires: waitMilliseconds,
					});
					for await (const message of this.#fetching)
						this.#taken(message, take);
					this.#repeats.right("taking", `queue ${name}: taking hosts`);
				}
			} catch (error) {
				if (this.#isStopped) return;
				this.#failed(
					"taking",
					`queue ${name}: no hosts from it: ${reasonOf(error)}`,
				);
				await pause(pauseMilliseconds);
				// a server that has lost its memory has lost the stream, too
				await this.prepare().catch(() => {});
			}
	}

	#taken(message: JsMsg, take: (key: string) => Promise<void>): void {
		this.#figures.taken++;
		if (message.redelivered) this.#figures.again++;
		// one that stops leaves it to the others at once
		if (this.#isStopped) message.nak();
		else void take(message.string()).finally(() => message.ack());
	}

	stop(): void {
		this.#isStopped = true;
		this.#fetching?.stop();
	}

	async close(): Promise<void> {
		this.stop();
		await Promise.race([
			this.#connection.drain(),
			// it must not keep the process alive when the queue is empty before
			pause(2_000, undefined, { ref: false }),
		]).catch(() => {});
		await this.#connection.close();
	}

	figures(): QueueFigures {
		return { ...this.#figures };
	}
}
