import { Abandoning } from "../../../src/abandonment.ts";
import {
	credentialsOf,
	openTo,
	proxyHeaders,
} from "../../../src/client/connections.ts";
import { proxyOf } from "../../../src/client/proxy-of.ts";
import { RelayError } from "../../../src/protocol/relay-error.ts";
import { createSender, type Headers } from "../../../src/relay/send.ts";

/** The store's answer to a request; status 0 if there was none. */
export interface StoreAnswer {
	status: number;
	/** What it says, or why there is no answer: one line. */
	reason: string;
	/** How long it asks to wait, in milliseconds. */
	retryAfterMilliseconds: number | undefined;
}

/** Largest page of metrics, in bytes; those of stores have 30,000 to 300,000. */
const maxPageBytes = 16_777_216;

/** Longest that a store may take for a request. */
const postMilliseconds = 60_000;
const pageMilliseconds = 10_000;

/** Longest time that a store can ask us to wait. */
const maxRetryAfterMilliseconds = 300_000;

/** `Retry-After`, in seconds or as a date. */
function retryAfter(headers: Headers, now: number): number | undefined {
	const given = headers["retry-after"];
	const text = (Array.isArray(given) ? given[0] : given)?.trim() ?? "";
	const wait = /^\d+$/.test(text)
		? Number(text) * 1_000
		: Date.parse(text) - now;
	return wait > 0 ? Math.min(wait, maxRetryAfterMilliseconds) : undefined;
}

/** `Date`, which has whole seconds. */
function dateOf({ date }: Headers): number | undefined {
	const time = Date.parse(typeof date === "string" ? date : "");
	return Number.isNaN(time) ? undefined : time + 500;
}

/** The beginning of an answer's text, in one line. */
const oneLine = (text: string) =>
	text.slice(0, 2_000).replace(/\s+/g, " ").trim().slice(0, 300);

/** The store's page. */
export interface StorePageAnswer extends StoreAnswer {
	page: string;
	/** The time that it says it is, in milliseconds since 1970: half a second more than the header's. */
	date: number | undefined;
}

/** A store that takes remote write 1.0. */
export interface Store {
	/** Its name in messages, without password. */
	place: string;
	/** Sends a compressed request. Never rejects. */
	post(body: Uint8Array): Promise<StoreAnswer>;
	/** Reads the page `/metrics` of the same address. Never rejects. */
	page(): Promise<StorePageAnswer>;
	/** Abandons what is in flight. */
	close(): void;
}

/**
 * Creates the client of a store.
 * @param parts.url `/api/v1/write` if it has no path
 * @throws OptionsError
 */
export function createStore(parts: {
	url: URL;
	ca?: string | undefined;
	environment?: Readonly<Record<string, string | undefined>> | undefined;
	now: () => number;
}): Store {
	const { url, now } = parts;
	const proxy = proxyOf(url, parts.environment ?? {});
	const open = openTo(
		url,
		proxy,
		parts.ca === undefined ? {} : { ca: parts.ca },
	);
	const { send, close } = createSender({
		maxBodyBytes: maxPageBytes,
		maxBodySetting: "of a store's answer",
		maxConnections: 16,
	});
	const stopped = new Abandoning();
	const isForwarded = proxy !== undefined && url.protocol === "http:";
	const credentials = credentialsOf(url);
	const path = url.pathname === "/" ? "/api/v1/write" : url.pathname;
	const ask = async (
		method: "GET" | "POST",
		target: string,
		headers: Record<string, string>,
		body: Uint8Array,
		timeoutMilliseconds: number,
	): Promise<StorePageAnswer> => {
		try {
			const answer = await send({
				...{ place: url.host, open, method, body, timeoutMilliseconds },
				path: isForwarded ? `http://${url.host}${target}` : target,
				headers: {
					host: url.host,
					"user-agent": "happo-collector",
					...(credentials !== undefined && { authorization: credentials }),
					...(isForwarded && proxyHeaders(proxy)),
					...headers,
				},
				// the store keeps one of two equal samples
				mayRunTwice: true,
				signal: stopped,
			});
			const { status } = answer;
			const page = answer.body.toString();
			const why = retryAfter(answer.headers, now());
			return {
				...{ status, page, retryAfterMilliseconds: why },
				date: dateOf(answer.headers),
				reason: oneLine(page) || `status ${status}`,
			};
		} catch (error) {
			const reason =
				error instanceof RelayError ? error.message : String(error);
			return {
				...{ status: 0, reason, retryAfterMilliseconds: undefined },
				...{ page: "", date: undefined },
			};
		}
	};
	return {
		place: url.host,
		post: (body) =>
			ask(
				"POST",
				`${path}${url.search}`,
				{
					"content-encoding": "snappy",
					"content-type": "application/x-protobuf",
					"x-prometheus-remote-write-version": "0.1.0",
				},
				body,
				postMilliseconds,
			),
		page: () => ask("GET", "/metrics", {}, new Uint8Array(0), pageMilliseconds),
		close() {
			stopped.abort();
			close();
		},
	};
}
