import { setMaxListeners } from "node:events";
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
	/** Closes it once all its requests are answered; answers further ones with `elsewhere`. */
	stop(): void;
}

/** How long a client may take to send a request, and to read an answer. */
const patienceMilliseconds = 10_000;

/** Limit for requests of one client in flight; further ones are read later. */
const maxInFlight = 256;

/** What all connections of a broker share. */
export interface Shared {
	checks: Checks;
	status: () => BrokerStatus;
	/** Limit for bytes that clients have not read yet, all together; shared out among users. */
	untaken: FairLimit;
	/** Logs an unexpected error, in one line. */
	complain: (line: string) => void;
}

/**
 * Serves a client until it closes the connection: reads its requests, which may
 * overlap, and writes the answers. Then aborts what is still running for it.
 * @param user connections of the same user share the limits
 */
export function serveClient(
	socket: Socket,
	user: string,
	{ checks, status, untaken, complain }: Shared,
): ClientConnection {
	const reader = createFrameReader(maxRequestBytes);
	const gone = new AbortController();
	// each request listens to it; Node would take more than ten for a leak
	setMaxListeners(0, gone.signal);
	let inFlight = 0;
	let isStopping = false;
	let isWorker = false;

	/** Closes the connection if a request, or the first one, does not arrive in time. */
	let slow: NodeJS.Timeout | undefined;
	const expectRequest = (isExpected: boolean) => {
		if (!isExpected) {
			clearTimeout(slow);
			slow = undefined;
		} else slow ??= setTimeout(() => socket.destroy(), patienceMilliseconds);
	};

	/** Stops reading while the client has too many requests in flight or does not read answers. */
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
	// a client that closes its sending side has gone, too
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
