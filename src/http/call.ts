import type { IncomingMessage, ServerResponse } from "node:http";
import type { Call } from "../../generated/handlers.ts";
import type { Exchanges } from "./exchange.ts";

/** A header that the contract declares as a number; it refuses what is none. */
const count = (header: string | string[] | undefined) =>
	typeof header === "string" && /^\d{1,9}$/.test(header)
		? Number(header)
		: undefined;

/** A class, as its getters cost nothing until they are asked. */
class RequestCall implements Call {
	readonly millisecondsLeft: number | undefined;
	readonly hopsPassed: number;
	readonly note: Call["note"];
	readonly #accept: string | undefined;
	#isGone = false;
	#gone: AbortController | undefined;

	constructor({ headers }: IncomingMessage, note: Call["note"]) {
		this.millisecondsLeft = count(headers["happo-milliseconds-left"]);
		this.hopsPassed = count(headers["happo-hops"]) ?? 0;
		this.#accept = headers.accept;
		this.note = note;
	}

	get accept() {
		return acceptedTypes(this.#accept);
	}

	/** Made when it is asked for: it takes a tenth of a small request's time. */
	get signal() {
		if (!this.#gone) {
			this.#gone = new AbortController();
			if (this.#isGone) this.#gone.abort();
		}
		return this.#gone.signal;
	}

	leave() {
		this.#isGone = true;
		this.#gone?.abort();
	}
}

/** What a handler may know of the request. */
export function callOf(
	request: IncomingMessage,
	response: ServerResponse,
	exchanges: Pick<Exchanges, "whenOver">,
	note: Call["note"],
): Call {
	const call = new RequestCall(request, note);
	exchanges.whenOver(request, response, () => {
		if (!response.writableFinished) call.leave();
	});
	return call;
}

/** Media types of an Accept header, best first. */
export function acceptedTypes(header: string | undefined): string[] {
	return (header ?? "")
		.split(",")
		.map((part) => {
			const [type = "", ...parameters] = part.split(";").map((p) => p.trim());
			const quality = parameters.find((p) => p.startsWith("q="));
			return {
				type: type.toLowerCase(),
				quality: quality ? Number(quality.slice(2)) : 1,
			};
		})
		.filter(({ type, quality }) => type !== "" && quality > 0)
		.sort((a, b) => b.quality - a.quality)
		.map(({ type }) => type);
}
