// npm runs this when the package is installed or built, to provide a native command
// engine and a native check_happo if possible. It uses the shipped ones if they work,
// otherwise it compiles them. Without a compiler the agent starts commands through
// node:child_process, and check_happo runs on Node.js. It downloads nothing and never makes an installation fail.
import { rmSync } from "node:fs";
import { addonFile, compile, isFresh, prove } from "./addon.mjs";
import { hasClient, installClient } from "./client.mjs";

function works(file) {
	try {
		prove(file);
		return true;
	} catch {
		return false;
	}
}

const file = addonFile();
try {
	if (!isFresh(file) || !works(file))
		compile(process.env.CC || "cc", file, prove);
} catch (error) {
	// remove an addon of other sources, or for another machine
	rmSync(file, { force: true });
	process.stdout.write(
		`happo-agent: no native command engine, using node:child_process: ${error.message}\n`,
	);
}

try {
	if (hasClient) installClient(process.env.CC || "cc");
} catch (error) {
	process.stdout.write(
		`happo-agent: no native check_happo, using the one for Node.js: ${error.message}\n`,
	);
}
