import { AgentError } from "../agent-error.ts";
import { collect, declaredLength } from "../collect.ts";
import type { IncomingRequest } from "./request.ts";

/**
 * Reads the whole body of a request. Its bytes count towards the memory budget until the request is
 * answered; without room in the budget, the client waits.
 * @param limits.maxBytes of this body
 * @throws AgentError `body-too-large` above the limit, `busy` if there is no room in time,
 * `bad-body` if the client disconnects
 */
export async function readBody(
	request: IncomingRequest,
	limits: {
		maxBytes: number;
		/** The setting that sets the limit, for the message; undefined if the contract sets it. */
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
			// only now, so that a client that asks first does not send a body that is refused
			begins: () => {
				if (raw.headers.expect !== undefined) response.writeContinue();
			},
		});
	} catch (error) {
		if (!(error instanceof AgentError))
			throw new AgentError(
				"bad-body",
				"body: the connection closed before its end",
			);
		// drain the rest: with unread data, closing would reset the connection and lose the answer
		request.connection.linger();
		raw.resume();
		throw error;
	}
}
