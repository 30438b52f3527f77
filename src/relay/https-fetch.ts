import { request } from "node:https";
import { type Hop, hopText } from "../protocol/hop.ts";
import { RelayError } from "../protocol/relay-error.ts";
import { createAgent } from "./https-agent.ts";
import { createRelayPlaces, type RelayLimits } from "./relay-places.ts";
import { createSender, type Fetched } from "./send.ts";
import type { Trust } from "./trust.ts";

export type { Fetched } from "./send.ts";

/** A request to another agent. */
export interface Outgoing {
	hop: Hop;
	method: "GET" | "POST";
	path: string;
	headers: Record<string, string>;
	body: Uint8Array;
	/** Time limit until the answer's last byte; undefined means none. */
	timeoutMilliseconds: number | undefined;
	signal: AbortSignal;
	/** Whether it came through another agent, perhaps this one. */
	isNested: boolean;
	/** Address of the client; clients share the places. */
	client: string;
	/** Resolves when there is memory for this many more bytes of the answer; undefined means no limit. */
	reserve?: (bytes: number) => Promise<void>;
}

/**
 * Sends a request to another agent and reads its answer. Rejects with RelayError, or with
 * AgentError `relay-busy` if no place for the request becomes free in time.
 */
export type HttpsFetch = (outgoing: Outgoing) => Promise<Fetched>;

/** Creates the client for other agents. */
export function createHttpsFetch(parts: {
	trust: Trust;
	maxBodyBytes: number;
	/** The setting of `maxBodyBytes`, for messages; `proxy-max-answer-bytes` by default. */
	maxBodySetting?: string;
	/** Limits of concurrent requests; without them, requests only wait for a connection. */
	limits?: RelayLimits;
}): { fetch: HttpsFetch; close(): void } {
	const agent = createAgent(parts.trust, parts.limits?.each);
	const places = parts.limits && createRelayPlaces(parts.limits);
	const send = createSender({
		maxBodyBytes: parts.maxBodyBytes,
		maxBodySetting: parts.maxBodySetting ?? "proxy-max-answer-bytes",
	});

	const fetch: HttpsFetch = async (outgoing) => {
		const { hop, method, path, headers, body, timeoutMilliseconds } = outgoing;
		const place = hopText(hop);
		const isName = /[A-Za-z]/.test(hop.host) && !hop.host.includes(":");
		const begun = performance.now();
		const journey = await places?.depart({ place, ...outgoing });
		const left =
			timeoutMilliseconds &&
			Math.max(1, timeoutMilliseconds - (performance.now() - begun));
		try {
			const answer = await send({
				place,
				body,
				timeoutMilliseconds: left,
				wholeMilliseconds: timeoutMilliseconds,
				signal: outgoing.signal,
				reserve: outgoing.reserve,
				onConnected: () => journey?.connected(),
				start: (signal) =>
					request({
						agent,
						...hop,
						servername: isName ? hop.host : "",
						method,
						path,
						headers: {
							host: place,
							"content-length": String(body.length),
							...headers,
						},
						signal,
					}),
			});
			journey?.over("answered");
			return answer;
		} catch (error) {
			const isLate = error instanceof RelayError && error.isTimeout;
			journey?.over(isLate ? "late" : "failed");
			throw error;
		}
	};
	return { fetch, close: () => agent.destroy() };
}
