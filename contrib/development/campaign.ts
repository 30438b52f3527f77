// Runs a campaign on the built programs and writes the outcome to a file:
// campaign.js NAME [PARAMETER...]
import { execFileSync } from "node:child_process";
import { availableParallelism, totalmem } from "node:os";
import { version } from "../../generated/version.ts";
import { createScope } from "../../test/support/scope.ts";
import { campaignNamed } from "./campaigns/index.ts";
import { writeOutcome } from "./campaigns/outcome-file.ts";

const print = (line: string) => process.stdout.write(`${line}\n`);

/** The current commit, with a mark if there are uncommitted changes. */
function commit(): string {
	try {
		return execFileSync("git", ["describe", "--always", "--dirty"], {
			encoding: "utf8",
			stdio: ["ignore", "pipe", "ignore"],
		}).trim();
	} catch {
		return "unknown commit";
	}
}

const [name, ...args] = process.argv.slice(2);
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
	process.on(signal, () => stop.abort(new Error(`stopped by ${signal}`)));

const scope = createScope();
try {
	const campaign = campaignNamed(name);
	const began = new Date();
	// before the run: somebody may commit during it
	const source = commit();
	const outcome = await campaign.run({
		...{ scope, args, signal: stop.signal, progress: print },
	});
	stop.signal.throwIfAborted();
	for (const line of outcome.figures) print(line);
	const gibibytes = Math.round(totalmem() / 2 ** 30);
	const path = await writeOutcome(
		"contrib/development/outcomes",
		{
			...{ name: name ?? "", began, ended: new Date() },
			version: `${version}, ${source}`,
			machine: `${process.platform} on ${process.arch}, ${availableParallelism()} cores, ${gibibytes} GiB, node ${process.versions.node}`,
		},
		outcome,
	);
	print(`${outcome.passed ? "passed" : "FAILED"}; written to ${path}`);
	if (!outcome.passed) process.exitCode = 1;
} catch (error) {
	process.stderr.write(`campaign: ${(error as Error).message}\n`);
	process.exitCode = 1;
} finally {
	await scope.end();
}
