import { writeSync } from "node:fs";
import { openDatabase, StoreUnavailable } from "../../src/store/database.ts";

/**
 * A process that opens the store, for tests that need a second one:
 *
 * store-child.js DIRECTORY [BYTES]
 *
 * It prints `open`, or the error. Then for every byte it reads, it writes a row of BYTES bytes and
 * prints `acknowledged <key>` or `refused <reason>`, each with one system call, as soon as it is
 * known.
 */
const [directory = "", bytes = "100"] = process.argv.slice(2);
const say = (line: string) => writeSync(1, `${line}\n`);
const log = { info: () => {}, warning: () => {}, error: () => {} };

/** An incompressible row of the given length. */
function filler(): string {
	let text = "";
	while (text.length < Number(bytes)) text += Math.random().toString(36);
	return text.slice(0, Number(bytes));
}

try {
	const database = await openDatabase({ directory, log });
	say("open");
	let row = 0;
	for await (const orders of process.stdin)
		for (const _ of orders) {
			const put = `m-${1_000_000_000 + row++}`;
			try {
				await database.write([{ put, value: filler() }]);
				say(`acknowledged ${put}`);
			} catch (error) {
				if (!(error instanceof StoreUnavailable)) throw error;
				say(`refused ${error.reason}`);
			}
		}
	await database.close();
} catch (error) {
	say(`${error}`);
	process.exitCode = 1;
}
