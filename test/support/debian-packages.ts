import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { promisify } from "node:util";
import type { DebianMachine } from "./debian-machine.ts";

const execute = promisify(execFile);

/** Why packages cannot be built here with these programs; undefined if they can. */
export async function missingToPackage(
	programs: readonly string[],
): Promise<string | undefined> {
	for (const program of programs)
		try {
			await execute("sh", ["-c", `command -v ${program}`]);
		} catch {
			return `not installed: ${program}`;
		}
	try {
		await execute("npm", ["ping", "--fetch-retries=0"], { timeout: 15_000 });
	} catch {
		return "no npm registry";
	}
	return undefined;
}

/** Builds happo-node and happo-agent for this machine; returns the files. */
export async function buildDebs(directory: string): Promise<string[]> {
	const { stdout } = await execute(
		process.execPath,
		[
			...["contrib/packaging/package.mjs", "--quick", "--output", directory],
			...["--format", "deb", "--architecture", process.arch],
			...["--only", "happo-node,happo-agent"],
		],
		{ maxBuffer: 16 * 1024 * 1024 },
	);
	return stdout.trim().split("\n");
}

/** Copies packages into a machine, below /root/packages. */
export async function bringDebs(
	machine: DebianMachine,
	files: readonly string[],
): Promise<void> {
	await machine.bash("mkdir -p /root/packages");
	for (const file of files)
		await machine.write(
			`/root/packages/${basename(file)}`,
			await readFile(file),
		);
}
