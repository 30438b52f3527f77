import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Prints its arguments, and its own name, in hexadecimal: one line for each time that it runs. */
const source = `#include <stdio.h>
int main(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		for (const unsigned char *c = (unsigned char *)argv[i]; *c; c++)
			printf("%02x", *c);
		putchar(i + 1 < argc ? ' ' : '\\n');
	}
	return 0;
}
`;

/** Why no recorder can be made here; undefined if it can. */
export const missingCompiler = existsSync("/usr/bin/gcc")
	? undefined
	: "gcc is not installed";

/** Compiles a program that records what it is run with. */
export async function compileRecorder(directory: string): Promise<string> {
	const file = join(directory, "recorder");
	await writeFile(`${file}.c`, source);
	await run("gcc", ["-O1", "-o", file, `${file}.c`]);
	return file;
}

/** Puts the recorder under other names. */
export async function installRecorder(
	recorder: string,
	files: readonly string[],
): Promise<void> {
	for (const file of files) {
		await mkdir(dirname(file), { recursive: true, mode: 0o755 });
		await copyFile(recorder, file);
	}
}

/** What was recorded, for people: each run in a line, as JSON. */
export const recorded = (text: string): string =>
	/^[0-9a-f \n]+$/.test(text)
		? text
				.trim()
				.split("\n")
				.map((line) =>
					JSON.stringify(
						line.split(" ").map((word) => Buffer.from(word, "hex").toString()),
					),
				)
				.join("\n")
		: text;
