#!/usr/bin/env node
import { writeSync } from "node:fs";
import { runCheckHappo } from "./check-happo/run.ts";

/** Writes the whole text to standard output. Writes to files and pipes block. */
function written(text: string): Promise<void> | undefined {
	let rest = Buffer.from(text);
	try {
		while (rest.length > 0) rest = rest.subarray(writeSync(1, rest));
	} catch (error) {
		// another process made the pipe non-blocking: let the stream wait for the reader
		if ((error as NodeJS.ErrnoException).code === "EAGAIN")
			return new Promise((resolve) => {
				process.stdout.on("error", () => resolve());
				process.stdout.write(rest, () => resolve());
			});
		// the reader is gone, but the exit status still counts
	}
	return undefined;
}

/** Writes to standard error and ignores failures: they must not change the result. */
function complain(text: string) {
	try {
		writeSync(2, text);
	} catch {}
}

const finish = async (text: string, status: number) => {
	await written(text);
	// an orderly exit costs a tenth of the time of a whole check
	process.exit(status);
};

// Node would exit with 1, which is WARNING, and print nothing on standard output
process.once("uncaughtException", (error) => {
	void finish(`ERROR(check_happo): ${error.message}\n`, 2);
});

runCheckHappo(process.argv.slice(2), complain, process.env).then(
	({ output, status }) => finish(output, status),
	(error: Error) => finish(`ERROR(check_happo): ${error.message}\n`, 2),
);
