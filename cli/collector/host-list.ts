import { hash } from "node:crypto";
import {
	type Hop,
	hopText,
	parseHop,
	parsePin,
} from "../../src/protocol/hop.ts";
import { isRecord } from "../../src/protocol/reason.ts";
import { badLabelValue, isLabelName } from "./write/label.ts";
import { identityOf } from "./write/label-sets.ts";

/** An agent to poll. */
export interface ListedHost {
	/** Its bastions and its name: the same for as long as it is the same agent on the same way. */
	key: string;
	/** `web01:6777`. */
	name: string;
	agent: Hop;
	/** Bastions, nearest to the collector first. */
	via: readonly Hop[];
	/** Pin of the first hop, which is the first bastion or the agent, as parsePin() returns it. */
	fingerprint: string | undefined;
	/** Labels of all its series, without those that begin with `__`. */
	labels: Readonly<Record<string, string>>;
}

/** The list as a whole is of no use. */
export class HostListError extends Error {
	override name = "HostListError";
}

/** Longer texts are cut in messages. */
const maxShown = 100;

const shown = (value: unknown) => {
	const text = JSON.stringify(value) ?? "nothing";
	return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text;
};

/** Names of labels that no store gets. */
const ownName = /^__[A-Za-z0-9_]*$/;

/** Why an entry cannot be used. */
class OddEntry extends Error {}

/** The labels of a group, and what the collector's own ones say. */
function labelsOf(given: unknown) {
	if (given === undefined || given === null)
		return { labels: {}, via: [], fingerprint: undefined };
	if (!isRecord(given)) throw new OddEntry(`labels: not an object`);
	const labels: Record<string, string> = {};
	let via: Hop[] = [];
	let fingerprint: string | undefined;
	for (const [name, value] of Object.entries(given)) {
		if (typeof value !== "string")
			throw new OddEntry(`labels.${name}: not a string: ${shown(value)}`);
		if (!ownName.test(name) && !isLabelName(name))
			throw new OddEntry(`labels: not the name of a label: ${shown(name)}`);
		if (name === "__via__") {
			const texts = value.split(",").filter((text) => text.trim() !== "");
			via = texts.map((text) => {
				const hop = parseHop(text);
				if (hop) return hop;
				throw new OddEntry(
					`labels.__via__: not HOST or HOST:PORT: ${shown(text)}`,
				);
			});
		} else if (name === "__fingerprint__") {
			fingerprint = parsePin(value);
			if (!fingerprint)
				throw new OddEntry(
					`labels.__fingerprint__: not 32 bytes in hexadecimal, nor sha256// and base64: ${shown(value)}`,
				);
			// others begin like this, too, such as __meta_..., and Prometheus drops them as well
		} else if (!ownName.test(name)) {
			const complaint = badLabelValue(value);
			if (complaint)
				throw new OddEntry(`labels.${name}: ${complaint}: ${shown(value)}`);
			labels[name] = value;
		}
	}
	return { labels, via, fingerprint };
}

/**
 * Parses a list of hosts in the format of Prometheus' file_sd and http_sd: a JSON array of objects
 * with `targets` and `labels`. An entry that cannot be used costs itself and nothing else.
 * @returns the hosts, and a line for each entry that is left out, which names its place
 * @throws HostListError if the text is no such array
 */
export function parseHostList(text: string): {
	hosts: ListedHost[];
	complaints: string[];
} {
	let list: unknown;
	try {
		list = JSON.parse(text);
	} catch (error) {
		throw new HostListError(`not JSON: ${(error as Error).message}`);
	}
	if (!Array.isArray(list)) throw new HostListError("not a JSON array");
	const hosts = new Map<string, ListedHost>();
	const complaints: string[] = [];
	/** Where the fingerprint of a hop was given first. */
	const pins = new Map<string, { fingerprint: string; place: string }>();
	/** Where hosts have their labels, by what tells their series apart. */
	const identities = new Map<string, string>();
	const entry = (place: string, take: () => void) => {
		try {
			take();
		} catch (error) {
			if (!(error instanceof OddEntry)) throw error;
			complaints.push(`${place}${error.message}`);
		}
	};

	const takeTarget = (
		target: unknown,
		place: string,
		{ labels, via, fingerprint }: ReturnType<typeof labelsOf>,
	) => {
		const agent = typeof target === "string" ? parseHop(target) : undefined;
		if (!agent) throw new OddEntry(`not HOST or HOST:PORT: ${shown(target)}`);
		const name = hopText(agent);
		const key = [...via.map(hopText), name].join(",");
		if (hosts.has(key)) throw new OddEntry(`${name}: is in the list twice`);
		const identity = identityOf(name, labels);
		const other = identities.get(identity);
		if (other !== undefined)
			throw new OddEntry(
				`${name}: has the labels of ${other}: give one of them an instance of its own`,
			);
		identities.set(identity, `${name} in ${place}`);
		if (fingerprint !== undefined) {
			const first = hopText(via[0] ?? agent);
			const known = pins.get(first) ?? { fingerprint, place };
			if (known.fingerprint !== fingerprint)
				throw new OddEntry(
					`${name}: ${first} has another __fingerprint__ in ${known.place}`,
				);
			pins.set(first, known);
		}
		hosts.set(key, { key, name, agent, via, fingerprint, labels });
	};

	for (const [at, group] of list.entries())
		entry(`[${at}]`, () => {
			if (!isRecord(group)) throw new OddEntry(": not an object");
			const { targets, labels } = group as {
				targets?: unknown;
				labels?: unknown;
			};
			if (!Array.isArray(targets)) throw new OddEntry(".targets: not an array");
			let own: ReturnType<typeof labelsOf>;
			try {
				own = labelsOf(labels);
			} catch (error) {
				throw error instanceof OddEntry
					? new OddEntry(`.${error.message}`)
					: error;
			}
			for (const [index, target] of targets.entries()) {
				const place = `[${at}].targets[${index}]`;
				entry(`${place}: `, () => takeTarget(target, place, own));
			}
		});
	return { hosts: [...hosts.values()], complaints };
}

/** Two numbers from 0 to 1 that depend on a host alone, and not on each other. */
export function placeOf(key: string): { shard: number; phase: number } {
	const bytes = hash("sha1", key, "buffer");
	return {
		shard: bytes.readUInt32BE(0) / 2 ** 32,
		phase: bytes.readUInt32BE(4) / 2 ** 32,
	};
}

/** One of several collectors that share the hosts, each by itself: `2/5`. */
export interface Shard {
	/** From 1. */
	number: number;
	of: number;
}

/** Parses `2/5`; undefined if the text is something else. */
export function parseShard(text: string): Shard | undefined {
	const [, number = 0, of = 0] =
		/^(\d{1,4})\/(\d{1,4})$/.exec(text)?.map(Number) ?? [];
	return number >= 1 && number <= of ? { number, of } : undefined;
}

/** Whether a host belongs to a shard; each belongs to exactly one. */
export const isInShard = (key: string, { number, of }: Shard): boolean =>
	of === 1 || Math.floor(placeOf(key).shard * of) === number - 1;
