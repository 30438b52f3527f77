import { connect } from "node:net";
import { systemReason } from "../../src/system-error.ts";
import {
	createFrameReader,
	type Frame,
	FrameError,
	frameBytes,
	maxAnswerBytes,
} from "./frame.ts";

/** The broker did not answer. The message is one line that names the socket. */
export class BrokerUnreachable extends Error {
	override name = "BrokerUnreachable";
}

/**
 * Sends one request to the broker that listens on a Unix socket, and returns the answer.
 * @throws BrokerUnreachable
 */
export function askBroker(
	path: string,
	request: Pick<Frame, "kind" | "body">,
	timeoutMilliseconds: number,
): Promise<Frame> {
	const reader = createFrameReader(maxAnswerBytes);
	const socket = connect(path);
	return new Promise<Frame>((resolve, reject) => {
		const fail = (reason: string) =>
			reject(new BrokerUnreachable(`${path}: ${reason}`));
		socket.setTimeout(timeoutMilliseconds, () =>
			fail(`no answer within ${timeoutMilliseconds / 1000} seconds`),
		);
		socket.once("connect", () =>
			socket.write(frameBytes({ ...request, id: 1 })),
		);
		socket.on("data", (bytes) => {
			try {
				const [frame] = reader.push(bytes as Buffer);
				if (frame) resolve(frame);
			} catch (error) {
				if (!(error instanceof FrameError)) throw error;
				fail("not the socket of a broker");
			}
		});
		socket.once("error", (error: NodeJS.ErrnoException) =>
			fail(
				error.code === "ECONNREFUSED"
					? "nobody listens there"
					: systemReason(error),
			),
		);
		socket.once("close", () => fail("closed without an answer"));
	}).finally(() => socket.destroy());
}
