import { readFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { systemReason } from "../../src/system-error.ts";
import { UsageError } from "../program/arguments.ts";

/**
 * Reads a file, or standard input for `-`. Returns the text and the name for messages.
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
 * Reads the file that a flag names; undefined if the flag is not given.
 * @throws UsageError that names the flag and the file
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
