import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { askBroker } from "../../cli/broker/ask.ts";
import { type Broker, startBroker } from "../../cli/broker/broker.ts";
import type { BrokerStatus } from "../../cli/broker/figures.ts";
import {
	checkBody,
	createFrameReader,
	type Frame,
	frameBytes,
	kinds,
	maxAnswerBytes,
} from "../../cli/broker/frame.ts";
import { createUsers } from "../../cli/broker/users.ts";
import { createExchange, type Exchange } from "../../src/client/exchange.ts";
import { startServer } from "./daemon.ts";
import { ctlProgram, testNode } from "./happo-ctl.ts";
import { temporaryDirectory } from "./temporary.ts";

type Test = Pick<TestContext, "after">;

/** A broker of this process. */
export interface TestBroker extends Broker {
	socket: string;
	/** What it complained of. */
	complaints: string[];
}

/** A broker that verifies nothing, with a socket of its own; it ends with the test. */
export async function brokerHere(
	t: Test,
	options: Partial<
		Omit<Parameters<typeof startBroker>[0], "listen" | "complain"> & {
			maxChecks: number;
			/** Where it listens; a path of its own by default. */
			socket: string;
		}
	> = {},
): Promise<TestBroker> {
	const directory = await temporaryDirectory(t);
	const socket = options.socket ?? join(directory, "broker.sock");
	const exchange: Exchange = createExchange({
		trust: "unverified",
		pin: () => undefined,
		maxAnswerBytes: 64 * 1024 * 1024,
		maxRequests: options.maxChecks ?? 512,
	});
	const complaints: string[] = [];
	const broker = await startBroker({
		exchangeTo: () => exchange,
		key: "",
		isVerified: () => false,
		hosts: [],
		users: createUsers(),
		allowed: undefined,
		freshMilliseconds: 0,
		maxClients: 2_000,
		...options,
		listen: { path: socket, fd: undefined },
		complain: (line) => complaints.push(line),
	});
	let isStopped: Promise<void> | undefined;
	const stop = (patience: number) => {
		isStopped ??= broker.stop(patience);
		return isStopped;
	};
	t.after(async () => {
		await stop(0);
		exchange.close();
	});
	return { ...broker, stop, socket, complaints };
}

/** A client of a broker whose frames a test writes itself. */
export interface TestClient {
	socket: Socket;
	send(frame: Pick<Frame, "kind" | "body"> & Partial<Frame>): void;
	/** Sends a check and gives its id. */
	check(words: readonly string[], millisecondsLeft?: number): number;
	/** The next frame; rejects when the broker closes before. */
	next(): Promise<Frame>;
	/** Resolves when the connection is closed. */
	closed: Promise<unknown>;
}

export async function brokerClient(t: Test, path: string): Promise<TestClient> {
	const socket = connect(path);
	t.after(() => {
		socket.destroy();
	});
	const reader = createFrameReader(maxAnswerBytes);
	const frames: Frame[] = [];
	const closed = once(socket, "close");
	let wake = () => {};
	socket.on("error", () => {});
	socket.on("data", (bytes: Buffer) => {
		frames.push(...reader.push(bytes));
		wake();
	});
	socket.on("close", () => wake());
	await once(socket, "connect");
	let id = 0;
	const send: TestClient["send"] = (frame) =>
		socket.write(frameBytes({ id: 1, ...frame }));
	return {
		socket,
		send,
		closed,
		check(words, millisecondsLeft = 10_000) {
			id++;
			const body = checkBody({ millisecondsLeft, words: [...words] });
			send({ kind: kinds.check, id, body });
			return id;
		},
		async next() {
			while (frames.length === 0) {
				if (socket.destroyed) throw new Error("closed without a frame");
				await new Promise<void>((resolve) => {
					wake = resolve;
				});
			}
			return frames.shift() as Frame;
		},
	};
}

/** A connection to a broker that reads nothing. */
export async function unreadClient(t: Test, path: string): Promise<Socket> {
	const socket = connect(path);
	t.after(() => {
		socket.destroy();
	});
	await once(socket, "connect");
	return socket.pause();
}

/** The words of a check by an agent of 127.0.0.1. */
export const checkWords = (port: number, ...more: string[]) => [
	...["--host=127.0.0.1", `--port=${port}`, "--plugin-name=x"],
	...more,
];

/** A frame's text, without the status of a result. */
export const textOf = ({ kind, body }: Frame) =>
	body.toString("utf8", kind === kinds.result ? 1 : 0);

/** The figures of a broker that runs. */
export async function brokerStatus(path: string): Promise<BrokerStatus> {
	const request = { kind: kinds.status, body: Buffer.alloc(0) };
	const { body } = await askBroker(path, request, 10_000);
	return JSON.parse(body.toString("utf8")) as BrokerStatus;
}

/**
 * The built `happo-ctl broker` in a process; it is gone when the test ends.
 * @param listen its socket; one of its own by default
 */
export async function brokerProcess(
	t: Test,
	args: readonly string[],
	environment: Record<string, string> = {},
	listen?: string,
) {
	const directory = await temporaryDirectory(t);
	const socket = listen ?? join(directory, "broker.sock");
	const started = startServer(
		t,
		[testNode, ctlProgram, "broker", "--listen", socket, ...args],
		{ PATH: process.env.PATH, HOME: directory, ...environment },
	);
	const { process: child, said } = started;
	await new Promise<void>((resolve) => {
		child.stderr.on("data", () => {
			if (said().includes("broker: listens on")) resolve();
		});
		child.once("exit", () => resolve());
	});
	return { ...started, socket, directory };
}
