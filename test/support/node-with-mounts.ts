import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";

const isRoot = process.getuid?.() === 0;

/**
 * Writes a program that stands in for Node. It enters a mount namespace of its own, so that mounts
 * made by `prepare` are invisible to others and disappear with the program, and then becomes Node.
 * @param prepare shell commands; `$0` is the directory
 * @returns its path, in the directory
 */
export async function nodeWithMounts(directory: string, prepare: string) {
	const node = join(directory, "node-with-mounts");
	const rights = isRoot ? "" : "--map-root-user";
	await writeFile(
		node,
		`#!/bin/sh
exec unshare --mount ${rights} /bin/sh -ec '
	${prepare}
	exec "$@"' '${directory}' '${process.execPath}' "$@"
`,
	);
	await chmod(node, 0o755);
	return node;
}
