import { readFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { systemReason } from "../../src/system-error.ts";
import { UsageError } from "../program/arguments.ts";

/**
 * The text of a file, or of standard input for `-`, and what messages call it.
 * @throws UsageError if it cannot be read
 */
export async function readInput(
	file: string,
	stdin: Readable,
): Promise<{ name: string; text: string }> {
	if (file === "-") return { name: "standard input", text: await text(stdin) };
	try {
		return { name: file, text: await readFile(file, "utf8") };
	} catch (error) {
		throw new UsageError(`${file}: ${systemReason(error)}`);
	}
}

/**
 * What a file holds that a flag names; undefined where the flag is not given.
 * @throws UsageError that names both
 */
export async function readFlagFile(
	flag: string,
	file: string,
): Promise<Buffer | undefined> {
	if (file === "") return undefined;
	try {
		return await readFile(file);
	} catch (error) {
		throw new UsageError(`--${flag} ${file}: ${systemReason(error)}`);
	}
}
