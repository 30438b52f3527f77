import { opendir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createFileTurn } from "../polled-files.ts";
import { checkPluginName } from "../protocol/plugin-name.ts";
import type { Look } from "./lookups.ts";

/** Limit of names. */
const maxPlugins = 1_000;

/** Limit of files that are looked at in a directory. */
const maxEntries = 10_000;

/** How long a list is good: clients may ask all the time. */
const keptMilliseconds = 5_000;

/** How long the files of a directory are looked at; the rest is left out. */
const maxMilliseconds = 3_000;

/** Names of the files in a directory that may be plugins. */
async function namesIn(directory: string): Promise<string[]> {
	const names: string[] = [];
	let left = maxEntries;
	for await (const { name } of await opendir(directory)) {
		if (left-- === 0) break;
		if (checkPluginName(name) === undefined) names.push(name);
	}
	return names.toSorted();
}

/**
 * Lists the plugins that exist, by name in alphabetical order, at most 1,000. A directory that does
 * not exist or whose file system hangs has none.
 * @param parts.isInUse whether a directory is searched at this moment; by default all are
 * @param parts.look see createFileTurn
 */
export function createPluginList(parts: {
	directories: readonly string[];
	isInUse?: ((directory: string) => boolean) | undefined;
	look: Look;
	now: () => number;
}): () => Promise<readonly string[]> {
	const { isInUse = () => true, look, now } = parts;
	/** Looks at one file after the other: a hanging file system holds one thread. */
	const pluginsIn = async (directory: string) => {
		const names = await namesIn(directory);
		const until = now() + maxMilliseconds;
		const plugins: string[] = [];
		for (const name of names) {
			if (plugins.length >= maxPlugins || now() > until) break;
			const found = await look(join(directory, name));
			if (found?.isFile && found.mayRun && found.size > 0) plugins.push(name);
		}
		return plugins;
	};
	const directories = parts.directories.map((given) => {
		const directory = resolve(given);
		const inTurn = createFileTurn({ files: [directory], look });
		return { directory, list: () => inTurn(() => pluginsIn(directory)) };
	});
	const read = async () => {
		const inUse = directories.filter(({ directory }) => isInUse(directory));
		const found = await Promise.all(
			inUse.map(({ list }) => list().catch(() => [])),
		);
		return [...new Set(found.flat())].toSorted().slice(0, maxPlugins);
	};
	let kept: Promise<readonly string[]> | undefined;
	let keptUntil = 0;
	return () => {
		if (!kept || now() >= keptUntil) {
			kept = read();
			keptUntil = now() + keptMilliseconds;
		}
		return kept;
	};
}
