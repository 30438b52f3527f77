import type { Socket } from "node:net";
import type { FairLimit } from "../../src/fair-limit.ts";
import { ownError } from "../check-happo/result.ts";
import type { Checks } from "./check.ts";
import { type BrokerStatus, metricsPage } from "./figures.ts";
import {
	checkFrame,
	createFrameReader,
	type Frame,
	FrameError,
	frameBytes,
	kinds,
	maxRequestBytes,
	protocolVersion,
	resultBody,
} from "./frame.ts";

/** A client of the broker. */
export interface ClientConnection {
	/** Ends it, as soon as all its requests are answered; further ones are sent elsewhere. */
	stop(): void;
}

/** A client that has begun a request ends it within this time, and takes an answer within it. */
const patienceMilliseconds = 10_000;

/** Requests of one client in flight; it waits with further ones. */
const maxInFlight = 256;

/** What the connections of a broker have in common. */
export interface Shared {
	checks: Checks;
	status: () => BrokerStatus;
	/** Bytes that are written and not taken yet, of all connections; users share them. */
	untaken: FairLimit;
	/** Tells of an error that nobody expects. */
	complain: (line: string) => void;
}

/**
 * Serves a client until it goes: reads its requests, which may overlap, and
 * writes their answers. What runs for it is stopped when it goes.
 * @param user shares the limits with others of the same name
 */
export function serveClient(
	socket: Socket,
	user: string,
	{ checks, status, untaken, complain }: Shared,
): ClientConnection {
	const reader = createFrameReader(maxRequestBytes);
	const gone = new AbortController();
	let inFlight = 0;
	let isStopping = false;
	let isWorker = false;

	/** Ends a client that has sent half a request, or none yet, for too long. */
	let slow: NodeJS.Timeout | undefined;
	const expectRequest = (isExpected: boolean) => {
		if (!isExpected) {
			clearTimeout(slow);
			slow = undefined;
		} else slow ??= setTimeout(() => socket.destroy(), patienceMilliseconds);
	};

	/** A client that asks for much, or does not take its answers, waits with what it has to say. */
	const readOrWait = () => {
		const waits = inFlight >= maxInFlight || socket.writableNeedDrain;
		if (waits === socket.isPaused()) return;
		if (waits) socket.pause();
		else socket.resume();
		expectRequest(!waits && reader.isInFrame);
	};

	const endIfDone = () => {
		if (isStopping && inFlight === 0) socket.destroySoon();
	};

	const write = (kind: number, id: number, body: Buffer) => {
		if (socket.destroyed) return;
		const bytes = frameBytes({ kind, id, body });
		const taken = untaken.tryAcquire({ client: user, amount: bytes.length });
		if (!taken) {
			socket.destroy();
			return;
		}
		const timer = setTimeout(() => socket.destroy(), patienceMilliseconds);
		socket.write(bytes, () => {
			taken.release();
			clearTimeout(timer);
			readOrWait();
		});
		readOrWait();
	};

	const elsewhere = (id: number, reason: string) =>
		write(kinds.elsewhere, id, Buffer.from(reason));

	const check = async ({ id, body }: Frame) => {
		const asked = checkFrame(body);
		if (!asked) return elsewhere(id, "not a check");
		try {
			const outcome = await checks.run({
				...asked,
				user,
				isWorker,
				signal: gone.signal,
			});
			if ("elsewhere" in outcome) elsewhere(id, outcome.elsewhere);
			else write(kinds.result, id, resultBody(outcome.status, outcome.output));
		} catch (error) {
			if (gone.signal.aborted) return;
			const { stack, message } = error as Error;
			complain(`internal error: ${stack ?? message}`);
			const { status, output } = ownError(`the broker: ${message}`);
			write(kinds.result, id, resultBody(status, output));
		}
	};

	const answer = (frame: Frame) => {
		const { version, kind, id } = frame;
		if (version !== protocolVersion) {
			elsewhere(
				id,
				`the broker speaks version ${protocolVersion}, not ${version}`,
			);
			socket.destroySoon();
			return;
		}
		if (kind === kinds.worker && frame.body.length === 0) {
			isWorker = true;
			return write(kinds.text, id, Buffer.alloc(0));
		}
		if (isStopping) return elsewhere(id, "the broker is stopping");
		if (kind === kinds.status)
			return write(kinds.text, id, Buffer.from(JSON.stringify(status())));
		if (kind === kinds.metrics)
			return write(kinds.text, id, Buffer.from(metricsPage(status())));
		if (kind !== kinds.check) return elsewhere(id, `no such request: ${kind}`);
		inFlight++;
		void check(frame).finally(() => {
			inFlight--;
			readOrWait();
			endIfDone();
		});
	};

	expectRequest(true);
	socket.on("data", (bytes: Buffer) => {
		try {
			for (const frame of reader.push(bytes)) {
				expectRequest(false);
				answer(frame);
			}
		} catch (error) {
			if (!(error instanceof FrameError)) throw error;
			socket.destroy();
			return;
		}
		expectRequest(reader.isInFrame);
		readOrWait();
	});
	socket.on("error", () => {});
	// a client that ends its side has gone, too
	const leave = () => {
		expectRequest(false);
		gone.abort();
	};
	socket.once("end", leave);
	socket.once("close", leave);
	return {
		stop() {
			isStopping = true;
			endIfDone();
		},
	};
}
