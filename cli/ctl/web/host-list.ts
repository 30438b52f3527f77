import type { components } from "../../../generated/web-schema.ts";
import { hopText } from "../../../src/protocol/hop.ts";
import type { HostAnswer } from "../target/answer.ts";
import { type Target, targetKey } from "../target/targets.ts";
import type { Ask } from "./asking.ts";
import { Attention } from "./attention.ts";
import type { Changes } from "./changes.ts";
import { askSummary, type HostSummary } from "./host-summary.ts";
import { nowSeconds, refusedMilliseconds } from "./part.ts";
import { type Relist, Relisting } from "./relisting.ts";

type Host = components["schemas"]["Host"];

/** A host that takes longer gives its place to another: one that is down or far away. */
const quickMilliseconds = 200;

/** An answer that takes longer is shown as missing. */
const slowMilliseconds = 1_000;

/** Limit for all questions of one host. */
const askSeconds = 10;

/** At most this many questions are without an answer; those of slow hosts leave room for others. */
const maxAsking = 256;
const maxSlow = 192;

/** With many hosts, each is asked less often: twenty in a second. */
const minimumSeconds = 10;
const hostsPerSecond = 20;

interface Entry {
	target: Target;
	row: Host;
	revision: number;
	/** When to ask it next, by the monotonic clock in milliseconds. */
	dueAt: number;
	/** It did not answer in time the last time. */
	isSlow: boolean;
	/** Until then it is not asked for results, which it does not have for this caller. */
	noResultsUntil: number;
	/** It has left the list. */
	isGone: boolean;
}

function firstRow(target: Target, id: number): Host {
	const { name, via, group = "", label } = target;
	return {
		...{ id, key: targetKey(target), name, via: via.map(hopText), group },
		...(label !== undefined && { label }),
		...{ state: "waiting", problem: "", problems: 0, version: "" },
		...{ answered_at: null, waiting_since: null },
	};
}

/**
 * All hosts with their states: asked one after the other, and listed again, while somebody watches
 * the list.
 */
export class HostList {
	readonly attention = new Attention(
		() => {
			this.#relisting?.begin();
			this.#pump();
		},
		() => this.#stop(),
	);
	readonly #interval: number | undefined;
	readonly #relisting: Relisting | undefined;
	/** By id, also those that have left. */
	readonly #entries: Entry[] = [];
	readonly #ask: Ask;
	readonly #changes: Changes;
	readonly #parallel: number;
	/** Those to be asked, next first: usual ones, and slow ones, which have places of their own. */
	#usual: Entry[] = [];
	#slow: Entry[] = [];
	/** Number of hosts that have not left. */
	#size = 0;
	readonly #asking = new Map<Entry, AbortController>();
	#quickAsking = 0;
	#timer: NodeJS.Timeout | undefined;
	#revision = 0;

	/**
	 * @param parts.parallel how many hosts are asked at a time that have not proved slow
	 * @param parts.intervalSeconds how often each is asked; tests shorten it
	 * @param parts.relist lists the hosts again, if they may change
	 */
	constructor(parts: {
		targets: readonly Target[];
		ask: Ask;
		changes: Changes;
		parallel: number;
		intervalSeconds?: number | undefined;
		relist?: Relist | undefined;
	}) {
		const { targets, ask, changes, parallel, relist } = parts;
		this.#ask = ask;
		this.#changes = changes;
		this.#parallel = parallel;
		this.#interval = parts.intervalSeconds;
		this.#relisting =
			relist && new Relisting(relist, (listed) => this.#replace(listed));
		this.#replace(targets);
	}

	get revision(): number {
		return this.#revision;
	}

	/** Number of hosts. */
	get size(): number {
		return this.#size;
	}

	/** How often each host is asked. */
	get intervalSeconds(): number {
		return (
			this.#interval ?? Math.max(minimumSeconds, this.#size / hostsPerSecond)
		);
	}

	/** The targets of the list. */
	get targets(): Target[] {
		return this.#present().map(({ target }) => target);
	}

	/** The target with an id, also if it has left the list. */
	target(id: number): Target | undefined {
		return this.#entries[id]?.target;
	}

	/** The hosts that have changed since a revision, and the ids of those that have left. */
	since(revision: number): { hosts: Host[]; gone: number[] } {
		const changed = this.#entries.filter((one) => one.revision > revision);
		return {
			hosts: changed.filter(({ isGone }) => !isGone).map(({ row }) => row),
			gone: changed.filter(({ isGone }) => isGone).map(({ row }) => row.id),
		};
	}

	#present(): Entry[] {
		return this.#entries.filter(({ isGone }) => !isGone);
	}

	/** Takes another list of hosts: those that it has, too, stay as they are. */
	#replace(targets: readonly Target[]): void {
		this.#size = targets.length;
		const before = new Map(this.#present().map((one) => [one.row.key, one]));
		const added: Entry[] = [];
		for (const target of targets) {
			const row = firstRow(target, this.#entries.length);
			const { key, group, label } = row;
			const entry = before.get(key);
			if (entry) {
				before.delete(key);
				entry.target = target;
				this.#change(entry, { group, ...(label !== undefined && { label }) });
				continue;
			}
			const fresh = {
				...{ target, row, revision: this.#nextRevision() },
				...{ dueAt: 0, isSlow: false, noResultsUntil: 0, isGone: false },
			};
			this.#entries.push(fresh);
			added.push(fresh);
		}
		for (const entry of before.values()) {
			entry.isGone = true;
			entry.revision = this.#nextRevision();
			this.#asking.get(entry)?.abort();
		}
		const stays = ({ isGone }: Entry) => !isGone;
		this.#usual = [...added, ...this.#usual.filter(stays)];
		this.#slow = this.#slow.filter(stays);
		this.#pump();
	}

	#nextRevision(): number {
		this.#revision = this.#changes.next();
		return this.#revision;
	}

	/** Asks as many as may be asked now. */
	#pump(): void {
		clearTimeout(this.#timer);
		if (!this.attention.isPresent) return;
		const now = performance.now();
		const next = (line: readonly Entry[]) =>
			line[0] && line[0].dueAt <= now && this.#asking.size < maxAsking
				? line[0]
				: undefined;
		while (this.#quickAsking < this.#parallel && next(this.#usual))
			this.#begin(this.#usual.shift() as Entry);
		while (this.#asking.size - this.#quickAsking < maxSlow && next(this.#slow))
			this.#begin(this.#slow.shift() as Entry);
		// those that are due wait for a place, which pumps again
		const later = [this.#usual, this.#slow].flatMap(([first]) =>
			first && first.dueAt > now ? [first.dueAt - now] : [],
		);
		if (later.length > 0)
			this.#timer = setTimeout(() => this.#pump(), Math.min(...later) + 1);
	}

	#begin(entry: Entry): void {
		const asking = new AbortController();
		this.#asking.set(entry, asking);
		let isQuick = !entry.isSlow;
		if (isQuick) this.#quickAsking++;
		const since = nowSeconds();
		const begun = performance.now();
		const leave = () => {
			if (isQuick) this.#quickAsking--;
			isQuick = false;
		};
		const notQuick = setTimeout(() => {
			leave();
			this.#pump();
		}, quickMilliseconds);
		const slow = setTimeout(() => {
			entry.isSlow = true;
			this.#change(entry, { waiting_since: since });
		}, slowMilliseconds);
		const asksResults = entry.noResultsUntil <= begun;
		this.#ask(
			entry.target,
			(client, signal) => askSummary(client, signal, asksResults),
			...([asking.signal, askSeconds] as const),
		).then((answer) => {
			clearTimeout(notQuick);
			clearTimeout(slow);
			leave();
			this.#asking.delete(entry);
			this.#end(
				entry,
				asking.signal.aborted ? undefined : answer,
				performance.now() - begun,
			);
			this.#pump();
		});
	}

	/** @param answer undefined if it was not waited for */
	#end(
		entry: Entry,
		answer: HostAnswer<HostSummary> | undefined,
		milliseconds: number,
	): void {
		if (entry.isGone) return;
		if (!answer) {
			this.#change(entry, { waiting_since: null });
			entry.dueAt = 0;
			(entry.isSlow ? this.#slow : this.#usual).unshift(entry);
			return;
		}
		this.#change(entry, rowOf(answer, entry.row));
		if (answer.ok && answer.data.hasNoResults)
			entry.noResultsUntil = performance.now() + refusedMilliseconds;
		entry.isSlow = milliseconds > slowMilliseconds;
		entry.dueAt = performance.now() + this.intervalSeconds * 1000;
		(entry.isSlow ? this.#slow : this.#usual).push(entry);
	}

	/** Changes a row, if what it shows is something else. */
	#change(entry: Entry, what: Partial<Host>): void {
		const row = { ...entry.row, ...what };
		const shown = ({ answered_at: _, ...others }: Host) =>
			JSON.stringify(others);
		const isSame = shown(row) === shown(entry.row);
		entry.row = row;
		if (isSame) return;
		entry.revision = this.#nextRevision();
	}

	#stop(): void {
		this.#relisting?.end();
		clearTimeout(this.#timer);
		for (const asking of this.#asking.values()) asking.abort();
	}
}

/** What the answer changes in the row of a host. */
function rowOf(answer: HostAnswer<HostSummary>, row: Host): Partial<Host> {
	if (answer.ok)
		return {
			...answer.data.row,
			answered_at: nowSeconds(),
			waiting_since: null,
		};
	return {
		...{ state: "failed", problem: answer.error.message, problems: 1 },
		...{ version: row.version, waiting_since: null },
	};
}
