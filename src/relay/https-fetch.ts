import type { Abandonment } from "../abandonment.ts";
import { type Hop, hopText } from "../protocol/hop.ts";
import { RelayError } from "../protocol/relay-error.ts";
import { createConnector } from "./connect.ts";
import type { KeptLimits, Open } from "./connections.ts";
import type { RefuseOwn } from "./own-addresses.ts";
import {
	createRelayPlaces,
	type RelayLimits,
	type RelayStatus,
} from "./relay-places.ts";
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
	/** It is sent again if a kept connection ends before the first byte of its answer. */
	mayRunTwice: boolean;
	/** Time limit until the answer's last byte; undefined means none. */
	timeoutMilliseconds: number | undefined;
	signal: Abandonment;
	/** Whether it came through another agent, perhaps this one. */
	isNested: boolean;
	/** Address of the client; clients share the places. */
	client: string;
	/** Resolves when there is memory for this many more bytes of the answer; undefined means no limit. */
	reserve?: (bytes: number) => Promise<void> | undefined;
	/** Which addresses of this host to refuse if the hop has one; without it, none is refused. */
	refuseOwn?: RefuseOwn | undefined;
}

/**
 * Sends a request to another agent and reads its answer. Rejects with RelayError, or with
 * AgentError `relay-busy` if no place for the request becomes free in time, and
 * `destination-forbidden` if the hop has an address of this host that is refused.
 */
export type HttpsFetch = (outgoing: Outgoing) => Promise<Fetched>;

/** Default limit of connections to one hop; further requests wait for one. */
const defaultConnections = 64;

/** Creates the client for other agents. */
export function createHttpsFetch(parts: {
	trust: Trust;
	maxBodyBytes: number;
	/** The setting of `maxBodyBytes`, for messages; `proxy-max-answer-bytes` by default. */
	maxBodySetting?: string;
	/** Opens the connections, instead of TLS with `trust`. */
	openTo?: ((hop: Hop, refuseOwn?: RefuseOwn) => Open) | undefined;
	/** Limits of concurrent requests; without them, requests only wait for a connection. */
	limits?: RelayLimits | undefined;
	/** Limit of connections to one hop; by default that of `limits`, otherwise 64. */
	maxConnections?: number | undefined;
	/** Limits of the connections that are kept. */
	kept?: KeptLimits | undefined;
}): {
	fetch: HttpsFetch;
	/** What is in flight; nothing without `limits`. */
	status(): RelayStatus;
	forget(hop: Hop): void;
	close(): void;
} {
	const openTo = parts.openTo ?? createConnector(parts.trust);
	const places = parts.limits && createRelayPlaces(parts.limits);
	const { send, forget, close } = createSender({
		maxBodyBytes: parts.maxBodyBytes,
		maxBodySetting: parts.maxBodySetting ?? "proxy-max-answer-bytes",
		maxConnections:
			parts.maxConnections ?? parts.limits?.each ?? defaultConnections,
		kept: parts.kept,
	});

	const fetch: HttpsFetch = async (outgoing) => {
		const { hop, timeoutMilliseconds, refuseOwn } = outgoing;
		const place = hopText(hop);
		const begun = performance.now();
		const departing = places?.depart({
			place,
			client: outgoing.client,
			isNested: outgoing.isNested,
			timeoutMilliseconds,
			signal: outgoing.signal,
		});
		const journey = departing instanceof Promise ? await departing : departing;
		const left =
			timeoutMilliseconds &&
			Math.max(1, timeoutMilliseconds - (performance.now() - begun));
		try {
			const answer = await send({
				place,
				open: (opened) => openTo(hop, refuseOwn)(opened),
				...(refuseOwn && {
					refuse: (kept) => kept.refusal(hop, refuseOwn),
				}),
				method: outgoing.method,
				path: outgoing.path,
				headers: { host: place, ...outgoing.headers },
				body: outgoing.body,
				mayRunTwice: outgoing.mayRunTwice,
				timeoutMilliseconds: left,
				wholeMilliseconds: timeoutMilliseconds,
				signal: outgoing.signal,
				reserve: outgoing.reserve,
				onConnecting: () => journey?.connecting(),
				onConnected: () => journey?.connected(),
			});
			journey?.over("answered");
			return answer;
		} catch (error) {
			const isLate = error instanceof RelayError && error.isTimeout;
			journey?.over(isLate ? "late" : "failed");
			throw error;
		}
	};
	return {
		fetch,
		status: () => places?.status() ?? { requests: 0, slowHops: [] },
		forget: (hop) => forget(hopText(hop)),
		close,
	};
}
