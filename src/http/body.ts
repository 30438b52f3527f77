import { AgentError } from "../agent-error.ts";
import { collect, declaredLength } from "../collect.ts";
import type { IncomingRequest } from "./request.ts";

/**
 * Reads the body of a request whole. Its bytes count in memory until the request is
 * answered; while there is no room for them the client waits.
 * @param limits.maxBytes of this body
 * @throws AgentError `body-too-large` over the limit, `busy` without room in time, `bad-body`
 * when the client breaks off
 */
export async function readBody(
	request: IncomingRequest,
	limits: {
		maxBytes: number;
		/** What sets that limit, for the message; undefined if the contract does. */
		setting?: string;
	},
): Promise<Buffer> {
	const { raw, response } = request;
	const { maxBytes, setting } = limits;
	try {
		return await collect(raw, {
			declared: declaredLength(raw.headers),
			maxBytes,
			tooLarge: () =>
				new AgentError(
					"body-too-large",
					`body: over the limit of ${maxBytes} bytes${setting ? ` (${setting})` : ""}`,
				),
			reserve: (bytes) => request.reserve(bytes, "body"),
			// not before: a client that asks first need not send what is refused
			begins: () => {
				if (raw.headers.expect !== undefined) response.writeContinue();
			},
		});
	} catch (error) {
		if (!(error instanceof AgentError))
			throw new AgentError("bad-body", "body: the connection broke off");
		// read on and dropped: an answer sent into unread data would be lost to a reset
		request.connection.linger();
		raw.resume();
		throw error;
	}
}
