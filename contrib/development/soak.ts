// The original's acceptance test, on the built daemon: soak.js [MINUTES]
import { availableParallelism, cpus, loadavg, release } from "node:os";
import { createScope } from "../../test/support/scope.ts";
import { isMissed, judge, table } from "./soak/judgement.ts";
import { soak } from "./soak/run.ts";
import { original } from "./soak/workload.ts";

const minutes = Number(process.argv[2] ?? original.minutes);
const print = (line: string) => process.stdout.write(`${line}\n`);
const load = () => loadavg().map((of) => of.toFixed(2));

if (!(minutes > 0)) throw new Error(`not a number of minutes: ${minutes}`);

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
	process.on(signal, () => stop.abort(new Error(`stopped by ${signal}`)));

const scope = createScope();
try {
	print(
		`${cpus()[0]?.model ?? "unknown CPU"}, ${availableParallelism()} cores, Linux ${release()}, node ${process.versions.node}, load ${load()}`,
	);
	const run = await soak(scope, {
		minutes,
		signal: stop.signal,
		progress: print,
	});
	const verdicts = judge(run);
	print(`load ${load()}, ${run.wallSeconds.toFixed(1)} seconds`);
	for (const line of table(verdicts)) print(line);
	if (minutes < original.minutes)
		print(
			`in brackets: ${minutes} of ${original.minutes} minutes cannot tell; the database's limit is scaled`,
		);
	if (run.checks.firstFailure) print(`failed: ${run.checks.firstFailure}`);
	for (const line of run.logLines.slice(0, 20)) print(line);
	if (verdicts.some(isMissed)) process.exitCode = 1;
} catch (error) {
	if (!stop.signal.aborted) throw error;
	print(String(stop.signal.reason));
	process.exitCode = 1;
} finally {
	await scope.end();
}
