import { connect } from "node:net";
import type { TestContext } from "node:test";
import { type Received, type Sent, send } from "./https.ts";
import { listening } from "./next-hop.ts";

/** A hop on this machine, as in requests. */
export const local = (port: number) => `127.0.0.1:${port}`;

/** A request to `/proxy`, as clients send it: base64. */
export const relayBody = (
	hops: readonly string[],
	request_type: string,
	request: unknown,
) =>
	JSON.stringify({
		proxy_hostport: hops,
		request_type,
		request_json: Buffer.from(JSON.stringify(request)).toString("base64"),
	});

/** Sends a request through hops; the agent at `port` relays it first. */
export const relay = (
	port: number,
	hops: readonly string[],
	type: string,
	request: unknown = {},
	more: Partial<Sent> = {},
): Promise<Received> =>
	send({
		port,
		method: "POST",
		path: "/proxy",
		body: relayBody(hops, type, request),
		...more,
	});

/** The part of a relayed answer that a client sees. */
export const visible = ({ status, headers, body }: Received) => ({
	status,
	type: headers["content-type"],
	body: body.toString("latin1"),
});

/** Forwards connections to a server on 127.0.0.1, and counts them. */
export const countingDoor = (t: Pick<TestContext, "after">, port: number) =>
	listening(t, (socket) => {
		const behind = connect({ host: "127.0.0.1", port });
		const both = [socket, behind] as const;
		for (const [one, other] of [both, [behind, socket]] as const) {
			one.on("error", () => other.destroy());
			one.once("close", () => other.destroy());
			one.pipe(other);
		}
	});
