import { readFile } from "node:fs/promises";
import { systemReason } from "../../src/system-error.ts";
import { UsageError } from "../argv.ts";

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
