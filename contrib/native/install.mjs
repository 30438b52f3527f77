// Run when the package is installed and when it is built: makes sure that there is a
// native command engine, if it can. What ships is used where it works, else it is
// compiled; without a compiler the agent starts commands through node:child_process.
// Downloads nothing and never fails an installation.
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
	// of another source, or for another machine
	rmSync(file, { force: true });
	process.stdout.write(
		`happo-agent: no native command engine, node:child_process takes its place: ${error.message}\n`,
	);
}
