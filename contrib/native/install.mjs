// npm runs this when the package is installed or built, to provide a native command
// engine if possible. It uses the shipped one if that works, otherwise it compiles one.
// Without a compiler the agent starts commands through node:child_process. It downloads
// nothing and never makes an installation fail.
import { rmSync } from "node:fs";
import { addonFile, compile, isFresh, prove } from "./addon.mjs";

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
