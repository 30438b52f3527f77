import { version } from "../../../generated/version.ts";
import type { components } from "../../../generated/web-schema.ts";
import type { Target } from "../target/targets.ts";
import type { Ask } from "./asking.ts";
import { Changes } from "./changes.ts";
import { HostList } from "./host-list.ts";
import { type HostParts, type WatchedHost, watchHost } from "./parts.ts";
import { WebProblem } from "./problem.ts";
import type { Relist } from "./relisting.ts";

type Schemas = components["schemas"];

/** Of these hosts the parts are kept, with the values of their metrics; and of those watched now. */
const maxKept = 4;

/** A page gets changes of many hosts together. */
const gatherMilliseconds = 100;

const defaultWaitSeconds = 20;

/** The hosts of a page: their list, and the parts of those that somebody looks at. */
export class Hosts {
	readonly #asked: string;
	readonly #ask: Ask;
	readonly #changes = new Changes();
	readonly #list: HostList;
	/** The one watched last comes last. */
	readonly #watched = new Map<number, WatchedHost>();

	/**
	 * @param parts.asked what the user asked for, in words
	 * @param parts.relist lists the hosts again, if they may change
	 */
	constructor(parts: {
		targets: readonly Target[];
		asked: string;
		ask: Ask;
		parallel: number;
		/** How often each is asked for the list; tests shorten it. */
		intervalSeconds?: number;
		relist?: Relist | undefined;
	}) {
		this.#asked = parts.asked;
		this.#ask = parts.ask;
		this.#list = new HostList({ ...parts, changes: this.#changes });
	}

	/**
	 * A host, also one that has left the list: a page may not know that yet.
	 * @throws WebProblem
	 */
	target(id: string | number): Target {
		const target = this.#list.target(Number(id));
		if (!target) throw new WebProblem("not-found", `no host ${id}`);
		return target;
	}

	/** The host whose parts are watched. */
	watched(id: number): WatchedHost {
		const known =
			this.#watched.get(id) ??
			watchHost(this.target(id), () => this.#list.targets, {
				ask: this.#ask,
				changes: this.#changes,
			});
		this.#watched.delete(id);
		this.#watched.set(id, known);
		for (const [other, { parts }] of this.#watched) {
			if (this.#watched.size <= maxKept) break;
			if (other !== id && partsOf(parts).every(isUnwatched))
				this.#watched.delete(other);
		}
		return known;
	}

	/** Waits until something of what is watched has changed. */
	async watch(
		request: Schemas["WatchRequest"],
		signal: AbortSignal,
	): Promise<Schemas["Changes"]> {
		const { wait_seconds = defaultWaitSeconds, hosts, host } = request;
		const parts = host ? this.#watchedParts(host) : [];
		const changed = () =>
			parts.filter(({ part, known }) => isNewer(part, known));
		const hasNewHosts = () => hosts !== undefined && isNewer(this.#list, hosts);
		const hasChanged = () => hasNewHosts() || changed().length > 0;
		const ends = [
			...(hosts === undefined ? [] : [this.#list.attention.watch()]),
			...parts.map(({ part }) => part.attention.watch()),
		];
		const until = performance.now() + wait_seconds * 1000;
		try {
			while (!hasChanged() && !signal.aborted) {
				const left = until - performance.now();
				if (left <= 0) break;
				await this.#changes.wait(left, signal);
				if (hasChanged())
					await this.#changes.gather(gatherMilliseconds, signal);
			}
		} finally {
			for (const end of ends) end();
		}
		return {
			...(hosts !== undefined &&
				hasNewHosts() && { hosts: this.#hostChanges(hosts) }),
			...(host && {
				host: {
					id: host.id,
					parts: Object.fromEntries(
						changed().map(({ name, part }) => [name, part.state]),
					),
				},
			}),
		};
	}

	/** Ends what still waits for agents. */
	stop(): void {
		this.#list.attention.end();
		for (const { parts } of this.#watched.values())
			for (const part of partsOf(parts)) part.attention.end();
	}

	#watchedParts({
		id,
		parts: revisions,
	}: NonNullable<Schemas["WatchRequest"]["host"]>) {
		const { parts } = this.watched(id);
		return Object.entries(revisions).map(([key, known]) => {
			const name = key as keyof HostParts;
			return { name, part: parts[name], known };
		});
	}

	#hostChanges(known: number): Schemas["HostChanges"] {
		return {
			revision: this.#list.revision,
			about: {
				...{ version, targets: this.#asked },
				hosts: this.#list.size,
				interval_seconds: this.#list.intervalSeconds,
			},
			...this.#list.since(known),
		};
	}
}

const isNewer = ({ revision }: { revision: number }, known: number) =>
	revision > known;

const partsOf = (parts: HostParts) => Object.values(parts);

const isUnwatched = ({ attention }: { attention: { isPresent: boolean } }) =>
	!attention.isPresent;
