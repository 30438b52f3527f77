import { useEffect, useState } from "preact/hooks";
import type { components } from "../../../../generated/web-schema.ts";
import { changed } from "./host-list.ts";
import { type Api, dataOf, SessionEnded } from "./session.ts";

type Schemas = components["schemas"];
export type Host = Schemas["Host"];
export type About = Schemas["About"];
export type PartName = Schemas["PartName"];
export type Failure = Schemas["Failure"];
/** The parts of a host that have been answered or asked, by name. */
export type Parts = Schemas["PartChanges"]["parts"];

/** What the page knows. A new object whenever something changes. */
export interface Known {
	/** `lost`: the program does not answer; `ended`: the session has ended. */
	connection: "open" | "lost" | "ended";
	/** Why the connection is lost. */
	problem: string;
	about: About | undefined;
	/** In the order of their ids. */
	hosts: readonly Host[];
	/** The host whose parts are watched. */
	host: number | undefined;
	parts: Parts;
}

const waitSeconds = 20;
const retryMilliseconds = 2_000;

const aborted = (error: unknown) =>
	error instanceof DOMException && error.name === "AbortError";

/**
 * Keeps asking the program for changes while the page is visible: one request at a time for all that
 * the page shows. The list of hosts is always watched, so that going back to it is immediate.
 */
export class Watch {
	readonly #api: Api;
	readonly #listeners = new Set<() => void>();
	#known: Known = {
		...{ connection: "open", problem: "", about: undefined, hosts: [] },
		...{ host: undefined, parts: {} },
	};
	#hostsRevision = 0;
	/** The parts that are watched. */
	#names: readonly PartName[] = [];
	#request = new AbortController();

	constructor(api: Api) {
		this.#api = api;
		document.addEventListener("visibilitychange", () => {
			// the program asks agents only while somebody watches
			this.#request.abort();
			if (!document.hidden) this.start();
		});
	}

	get known() {
		return this.#known;
	}

	subscribe(listener: () => void) {
		this.#listeners.add(listener);
		return () => this.#listeners.delete(listener);
	}

	/** Watches parts of a host in place of those before; undefined watches none. */
	choose(host: number | undefined, names: readonly PartName[]) {
		if (host === this.#known.host && names === this.#names) return;
		this.#names = names;
		if (host !== this.#known.host) this.#set({ host, parts: {} });
		this.#request.abort();
		this.start();
	}

	/** Begins to ask; it ends when the page is hidden, with the session, or with the next call. */
	start() {
		this.#request = new AbortController();
		void this.#repeat(this.#request.signal);
	}

	async #repeat(signal: AbortSignal) {
		while (!signal.aborted && !document.hidden)
			try {
				const changes = await this.#ask(signal);
				if (signal.aborted) return;
				this.#take(changes);
			} catch (error) {
				if (aborted(error) || signal.aborted) return;
				if (error instanceof SessionEnded) {
					this.#set({ connection: "ended" });
					return;
				}
				this.#set({
					connection: "lost",
					problem:
						error instanceof TypeError
							? "happo-ctl web does not answer"
							: `happo-ctl web: ${(error as Error).message}`,
				});
				await new Promise((resolve) => setTimeout(resolve, retryMilliseconds));
			}
	}

	#ask(signal: AbortSignal) {
		const { host, parts } = this.#known;
		const revisions = Object.fromEntries(
			this.#names.map((name) => [name, parts[name]?.revision ?? 0]),
		);
		return dataOf(
			this.#api.POST("/api/watch", {
				body: {
					wait_seconds: waitSeconds,
					hosts: this.#hostsRevision,
					...(host !== undefined && { host: { id: host, parts: revisions } }),
				},
				signal,
			}),
		);
	}

	#take({ hosts, host }: Schemas["Changes"]) {
		const news: Partial<Known> = {};
		if (this.#known.connection !== "open") news.connection = "open";
		if (hosts) {
			this.#hostsRevision = hosts.revision;
			news.about = hosts.about;
			news.hosts = changed(this.#known.hosts, hosts);
		}
		if (host?.id === this.#known.host && host !== undefined)
			news.parts = { ...this.#known.parts, ...host.parts };
		if (Object.keys(news).length > 0) this.#set(news);
	}

	#set(news: Partial<Known>) {
		this.#known = { ...this.#known, ...news };
		for (const listener of this.#listeners) listener();
	}
}

/** What the page knows now; renders again when that changes. */
export function useKnown(watch: Watch): Known {
	const [known, setKnown] = useState(watch.known);
	useEffect(() => {
		setKnown(watch.known);
		const unsubscribe = watch.subscribe(() => setKnown(watch.known));
		return () => void unsubscribe();
	}, [watch]);
	return known;
}
