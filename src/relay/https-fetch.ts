import { request } from "node:https";
import { createExchangeLimits } from "./exchange-limits.ts";
import { type Hop, hopText } from "./hop.ts";
import { connectionsEach, createAgent } from "./https-agent.ts";
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
	/** Until the answer's last byte; undefined is no limit. */
	timeoutMilliseconds: number | undefined;
	signal: AbortSignal;
	/** It came through another agent, perhaps this one: it must not wait for a connection. */
	isNested: boolean;
}

/**
 * Sends a request to another agent and reads its answer. Throws RelayError, and
 * AgentError `relay-busy` when too many are on their way.
 */
export type HttpsFetch = (outgoing: Outgoing) => Promise<Fetched>;

/** The one way out to other agents. */
export function createHttpsFetch(parts: {
	trust: Trust;
	maxBodyBytes: number;
	/** What `maxBodyBytes` is called, `proxy-max-answer-bytes` if nothing else. */
	maxBodySetting?: string;
	/** Requests on their way at once, to one place and in all. */
	limits?: { each: number; all: number; eachNested: number };
}): { fetch: HttpsFetch; close(): void } {
	const agent = createAgent(parts.trust);
	const limits = createExchangeLimits(
		parts.limits ?? { each: 128, all: 512, eachNested: connectionsEach },
	);
	const send = createSender({
		maxBodyBytes: parts.maxBodyBytes,
		maxBodySetting: parts.maxBodySetting ?? "proxy-max-answer-bytes",
	});

	const fetch: HttpsFetch = async (outgoing) => {
		const { hop, method, path, headers, body } = outgoing;
		const place = hopText(hop);
		const isName = /[A-Za-z]/.test(hop.host) && !hop.host.includes(":");
		const leave = limits.enter(place, outgoing.isNested);
		try {
			return await send({
				place,
				body,
				timeoutMilliseconds: outgoing.timeoutMilliseconds,
				signal: outgoing.signal,
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
		} finally {
			leave();
		}
	};
	return { fetch, close: () => agent.destroy() };
}
