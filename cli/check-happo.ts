#!/usr/bin/env node
import { writeSync } from "node:fs";
import { runCheckHappo } from "./check-happo/run.ts";

/** Writes a text whole, whatever standard output is: files and pipes block. */
function written(text: string): Promise<void> | undefined {
	let rest = Buffer.from(text);
	try {
		while (rest.length > 0) rest = rest.subarray(writeSync(1, rest));
	} catch (error) {
		// someone else made the pipe non-blocking: the stream waits for the reader
		if ((error as NodeJS.ErrnoException).code === "EAGAIN")
			return new Promise((resolve) => {
				process.stdout.on("error", () => resolve());
				process.stdout.write(rest, () => resolve());
			});
		// nobody reads; the exit status still tells
	}
	return undefined;
}

/** What standard error cannot take is lost: it must not change the result. */
function complain(text: string) {
	try {
		writeSync(2, text);
	} catch {}
}

const finish = async (text: string, status: number) => {
	await written(text);
	// at once: to end in good order costs a tenth of a whole check
	process.exit(status);
};

// Node would end with 1, which is WARNING, and without a word on standard output
process.once("uncaughtException", (error) => {
	void finish(`ERROR(check_happo): ${error.message}\n`, 2);
});

runCheckHappo(process.argv.slice(2), complain).then(
	({ output, status }) => finish(output, status),
	(error: Error) => finish(`ERROR(check_happo): ${error.message}\n`, 2),
);
