import { type BigIntStats, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Level, tableSizes } from "./level.ts";

/** A directory changed more recently than this may change again within the same timestamp. */
const settledNanoseconds = 20_000_000n;

const identity = ({ dev, ino }: BigIntStats) => `${dev}:${ino}`;

const look = (path: string) =>
	statSync(path, { bigint: true, throwIfNoEntry: false });

/**
 * Detects that files of an open database were removed or replaced, after which LevelDB would write
 * to files that nobody can find. Costs one `stat` of the directory while no name in it changes.
 * Synchronous, as the disk has just completed a sync.
 */
export interface Presence {
	/**
	 * Names a file that is no longer the one that LevelDB opened, in one line; undefined if all are
	 * in place.
	 */
	missing(): string | undefined;
	/**
	 * Whether the directory is still the same one. In another one LevelDB must not run: it deletes
	 * files by name.
	 */
	isDirectory(): boolean;
}

/** Throws the system's error if a file of the just opened database is missing. */
export function watchPresence(
	directory: string,
	level: Level,
	isLocked: () => boolean,
): Presence {
	const path = (name: string) => join(directory, name);
	const logs = () =>
		readdirSync(directory)
			.filter((name) => /^\d+\.log$/.test(name))
			.map((name) => Number.parseInt(name, 10));
	const place = identity(statSync(directory, { bigint: true }));
	const manifest = readFileSync(path("CURRENT"), "utf8").trim();
	const fixed = new Map(
		["CURRENT", manifest].map((name) => [
			name,
			identity(statSync(path(name), { bigint: true })),
		]),
	);
	let log = Math.max(...logs());
	let logIdentity = logOf(log);
	let seen: bigint | undefined;

	function logOf(number: number): string | undefined {
		const there = look(path(`${String(number).padStart(6, "0")}.log`));
		return there && identity(there);
	}

	const gone = (name: string) =>
		`${path(name)} was removed or replaced while it was in use`;

	const changed = (): string | undefined => {
		if (!isLocked()) return gone("LOCK");
		for (const [name, was] of fixed) {
			const there = look(path(name));
			if (!there || identity(there) !== was) return gone(name);
		}
		const before = tableSizes(level);
		const names = new Set(readdirSync(directory));
		const newest = Math.max(-1, ...logs());
		const name = `${String(log).padStart(6, "0")}.log`;
		if (newest < log) return gone(name);
		if (newest === log && logOf(log) !== logIdentity) return gone(name);
		if (newest > log) {
			log = newest;
			logIdentity = logOf(newest);
		}
		// missing, but in use before and after reading the directory: LevelDB did not delete it
		const missing = [...before.keys()].filter(
			(table) => !names.has(table) && !names.has(table.replace("ldb", "sst")),
		);
		if (missing.length === 0) return undefined;
		const after = tableSizes(level);
		const lost = missing.find((table) => after.has(table));
		return lost && gone(lost);
	};

	const isPlace = (there: BigIntStats | undefined) =>
		there !== undefined && identity(there) === place;

	return {
		isDirectory: () => isPlace(look(directory)),
		missing: () => {
			const there = look(directory);
			if (!there || !isPlace(there))
				return `${directory} was removed or replaced while it was in use`;
			if (there.mtimeNs === seen) return undefined;
			const found = changed();
			const age = BigInt(Date.now()) * 1_000_000n - there.mtimeNs;
			seen = age > settledNanoseconds ? there.mtimeNs : undefined;
			return found;
		},
	};
}
