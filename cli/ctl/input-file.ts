import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { pipeline, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { createGunzip } from "node:zlib";
import { readKeyFile } from "../../src/key-file.ts";
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

/**
 * Reads the key from the file of --key-file, and warns if others can read it.
 * @throws UsageError that names the file
 */
export function readKeyFlag(file: string, say: (line: string) => void): string {
	try {
		const { key, warning } = readKeyFile("--key-file", file);
		if (warning) say(`warning: ${warning}`);
		return key;
	} catch (error) {
		throw new UsageError((error as Error).message);
	}
}

/** Longer lines are taken in pieces. */
const maxLineBytes = 8 * 1024 * 1024;

/** The bytes of a file, unpacked if it was packed by gzip. */
async function* unpacked(file: string): AsyncIterable<Buffer> {
	const chunks = (createReadStream(file) as AsyncIterable<Buffer>)[
		Symbol.asyncIterator
	]();
	const { value: first, done } = await chunks.next();
	if (done) return;
	const all = async function* () {
		yield first;
		yield* { [Symbol.asyncIterator]: () => chunks };
	};
	if (first[0] !== 0x1f || first[1] !== 0x8b) {
		yield* all();
		return;
	}
	const unpacking = createGunzip();
	// the reader of `unpacking` gets the error
	pipeline(Readable.from(all()), unpacking, () => {});
	yield* unpacking;
}

/**
 * Reads a file of any size line by line; one that was packed by gzip, too.
 * @param take gets each line without its end, and whether it has one
 * @throws UsageError if it cannot be read
 */
export async function eachLine(
	file: string,
	take: (line: Buffer, isWhole: boolean) => void,
): Promise<void> {
	let rest: Buffer[] = [];
	let restBytes = 0;
	try {
		for await (const chunk of unpacked(file)) {
			let from = 0;
			for (;;) {
				const end = chunk.indexOf(10, from);
				if (end === -1) break;
				take(Buffer.concat([...rest, chunk.subarray(from, end)]), true);
				rest = [];
				restBytes = 0;
				from = end + 1;
			}
			if (from === chunk.length) continue;
			rest.push(chunk.subarray(from));
			restBytes += chunk.length - from;
			if (restBytes < maxLineBytes) continue;
			take(Buffer.concat(rest), true);
			rest = [];
			restBytes = 0;
		}
	} catch (error) {
		throw new UsageError(`${file}: ${systemReason(error)}`);
	}
	if (restBytes > 0) take(Buffer.concat(rest), false);
}
