import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { checkHappoCommand } from "./check-happo.ts";
import { startServer } from "./daemon.ts";
import { eventually } from "./eventually.ts";
import { temporaryDirectory } from "./temporary.ts";

type Test = Pick<TestContext, "after">;

/** The end of a message, behind the NUL of its last pair. */
const messageEnd = Buffer.from([1, 0, 0, 0]);

/** What a worker says of a job. */
export type Answer = Record<string, string>;

/** What Nagios asks for; the type is 0 for a check, 5 for an event handler, 10 for performance data. */
export interface Job {
	command: string;
	type?: number;
	/** Seconds. */
	timeout?: number;
	/** Environment macros. */
	env?: Record<string, string>;
}

/** A query handler as that of Nagios Core 4.4.6, as far as workers need it. */
export interface QueryHandler {
	path: string;
	/** What was registered, in order. */
	registrations: string[];
	/** Answers that Nagios would not understand: unknown jobs, wrong types. */
	strange: string[];
	/** Answers so far. */
	answered(): number;
	/** Gives a job to the worker that registered last; rejects when that connection ends. */
	job(job: Job): Promise<Answer>;
	/** Sends these bytes to the worker. */
	send(bytes: Buffer | string): void;
	/** The connection to the worker that registered last. */
	worker(): Socket;
	/** Resolves when a worker has registered so many times, all together. */
	registered(times: number): Promise<void>;
	/** Ends the worker's connection and listens no longer, as Nagios does to restart. */
	stop(): Promise<void>;
	listen(): Promise<void>;
}

const textOf = (pairs: Record<string, string | number>) =>
	Object.entries(pairs)
		.map(([name, value]) => `${name}=${value}\0`)
		.join("");

export async function queryHandler(
	t: Test,
	{ reply = "OK\0" }: { reply?: string } = {},
): Promise<QueryHandler> {
	const path = join(await temporaryDirectory(t), "nagios.qh");
	const registrations: string[] = [];
	const strange: string[] = [];
	const sockets = new Set<Socket>();
	let current: Socket | undefined;
	let answers = 0;
	let nextId = 0;
	let open = new Map<
		string,
		{ type: number; resolve(answer: Answer): void; reject(error: Error): void }
	>();

	const take = (message: string) => {
		const answer = Object.fromEntries(
			message
				.split("\0")
				.filter(Boolean)
				.map((pair) => {
					const [, name = "", value = ""] =
						/^([^=]*)=([\s\S]*)$/.exec(pair) ?? [];
					return [name, value];
				}),
		);
		answers++;
		const job = open.get(answer.job_id ?? "");
		if (!job || answer.type !== String(job.type)) strange.push(message);
		else {
			open.delete(answer.job_id ?? "");
			job.resolve(answer);
		}
	};

	const serve = (socket: Socket) => {
		let bytes = Buffer.alloc(0);
		let pieces: Buffer[] = [];
		let isRegistered = false;
		sockets.add(socket);
		socket.on("error", () => {});
		socket.on("close", () => {
			sockets.delete(socket);
			if (socket !== current) return;
			for (const { reject } of open.values())
				reject(new Error("the worker has gone"));
			open = new Map();
		});
		socket.on("data", (more: Buffer) => {
			const before = pieces.at(-1) ?? bytes;
			pieces.push(more);
			// long messages come in many pieces; this one ends none
			if (
				isRegistered &&
				before.length > 3 &&
				!before.includes(1, -3) &&
				!more.includes(1)
			)
				return;
			bytes = Buffer.concat([bytes, ...pieces]);
			pieces = [];
			if (!isRegistered) {
				const end = bytes.indexOf(0);
				if (end < 0) return;
				registrations.push(bytes.toString("utf8", 0, end));
				bytes = bytes.subarray(end + 1);
				isRegistered = true;
				// the ids of each connection begin again
				nextId = 0;
				open = new Map();
				current = socket;
				socket.write(reply);
			}
			let end = bytes.indexOf(messageEnd);
			while (end >= 0) {
				take(bytes.toString("utf8", 0, end));
				bytes = bytes.subarray(end + messageEnd.length);
				end = bytes.indexOf(messageEnd);
			}
		});
	};

	let server = createServer(serve);
	const listen = async () => {
		server = createServer(serve);
		server.listen(path);
		await once(server, "listening");
	};
	const stop = async () => {
		const closed = once(server, "close");
		server.close();
		for (const socket of sockets) socket.destroy();
		await closed;
	};
	await listen();
	t.after(() => (server.listening ? stop() : undefined));

	const worker = () => {
		if (!current) throw new Error("no worker has registered");
		return current;
	};
	return {
		path,
		registrations,
		strange,
		answered: () => answers,
		worker,
		send: (bytes) => worker().write(bytes),
		job({ command, type = 0, timeout = 60, env }) {
			const id = nextId++;
			const lines = Object.entries(env ?? {})
				.map(([name, value]) => `${name}=${value}\n`)
				.join("");
			return new Promise((resolve, reject) => {
				if (worker().destroyed) throw new Error("the worker has gone");
				open.set(String(id), { type, resolve, reject });
				worker().write(
					Buffer.concat([
						Buffer.from(
							textOf({
								...{ job_id: id, type, command, timeout },
								...(env && { env: lines }),
							}),
						),
						messageEnd,
					]),
				);
			});
		},
		registered: (times) =>
			eventually(
				`registered ${times} times`,
				() => registrations.length >= times,
			),
		stop,
		listen,
	};
}

/** The worker as a process; it is gone when the test ends. */
export function startWorker(
	t: Test,
	args: readonly string[],
	environment: Record<string, string> = {},
) {
	return startServer(t, [checkHappoCommand, ...args], {
		...{ PATH: process.env.PATH, LANG: "C" },
		...environment,
	});
}
