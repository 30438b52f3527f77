import {
	badLabels,
	HostLabels,
	identityOf,
	type Labels,
} from "./label-sets.ts";
import type { HostBatch } from "./target.ts";

/** What two names of one agent share: the list may lead to it over another bastion now. */
interface Turn {
	/** Ends when the last batch so far is written. */
	last: Promise<unknown>;
	/** Hosts that write these series. */
	users: number;
	identity: string;
	own: HostLabels;
	host: string;
	labels: Labels;
}

/** The series that a host's batches go to. */
export interface Series {
	own: HostLabels;
	/** Batches of the same series are written one after the other. */
	turn: { last: Promise<unknown> };
}

interface Known extends Series {
	labels: Labels;
	turn: Turn;
}

/**
 * Knows which series each host writes, as its labels say. Labels may move from one host to another
 * between two lists of hosts, while batches with the old ones still are on their way.
 */
export class HostSeries {
	readonly #hosts = new Map<string, Known>();
	readonly #turns = new Map<string, Turn>();

	/** The series of a batch. Throws if its labels cannot be written. */
	of({ host, key = host, labels }: HostBatch): Series {
		const known = this.#hosts.get(key);
		if (known?.labels === labels) return known;
		if (known && sameTexts(known.labels, labels)) {
			known.labels = labels;
			return known;
		}
		const complaint = badLabels(labels);
		if (complaint) throw new Error(`${host}: ${complaint}`);
		const own = new HostLabels(host, labels);
		const identity = identityOf(host, labels);
		const turn = this.#turns.get(identity) ?? {
			...{ last: Promise.resolve(), users: 0, identity, own, host, labels },
		};
		this.#turns.set(identity, turn);
		turn.users++;
		if (known) this.#leave(known);
		const isSame = turn.host === host && sameTexts(turn.labels, labels);
		// the times of its newest samples are known then
		const added = { labels, turn, own: isSame ? turn.own : own };
		this.#hosts.set(key, added);
		return added;
	}

	/**
	 * Forgets a host that is not in the list any more.
	 * @param key the `key` of its batches
	 */
	forget(key: string): void {
		const known = this.#hosts.get(key);
		if (!known) return;
		this.#hosts.delete(key);
		this.#leave(known);
	}

	#leave({ turn }: Known): void {
		if (--turn.users === 0) this.#turns.delete(turn.identity);
	}
}

const sameTexts = (one: Labels, other: Labels) => {
	const names = Object.keys(one);
	return (
		names.length === Object.keys(other).length &&
		names.every((name) => one[name] === other[name])
	);
};
