import { readFileSync, statSync } from "node:fs";
import { modeText, permission } from "./file-mode.ts";
import { badKey } from "./protocol/api-key.ts";
import { systemReason } from "./system-error.ts";

/**
 * Reads a client's key from the first line of a file. Not asynchronous, as check_happo starts for
 * each check.
 * @param option names the file in messages: `--key-file`
 * @throws an Error that names option and file
 */
export function readKeyFile(
	option: string,
	file: string,
): { key: string; warning: string | undefined } {
	const name = `${option} ${file}`;
	let text: string;
	let mode: number;
	try {
		text = readFileSync(file, "utf8");
		mode = statSync(file).mode;
	} catch (cause) {
		throw new Error(`${name}: ${systemReason(cause)}`, { cause });
	}
	const [key = ""] = text.split(/\r?\n/, 1);
	const complaint = key === "" ? "its first line is empty" : badKey(key);
	if (complaint) throw new Error(`${name}: ${complaint}`);
	return {
		key,
		warning:
			(mode & permission.othersRead) === 0
				? undefined
				: `${name}: mode ${modeText(mode)}, every user of this machine can read it (chmod 600)`,
	};
}
