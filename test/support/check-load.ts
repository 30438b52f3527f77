/**
 * Sends checks to the agent of its network, each over a connection of its own, and prints what
 * became of them as JSON. A program, for `machine.client`.
 *   node check-load.js PORT NUMBER MILLISECONDS PLUGIN...
 * Arguments: the agent's port, how many checks, the time between two, and the plugins in turn.
 */
import { setTimeout as pause } from "node:timers/promises";
import { post } from "./https.ts";

/** What became of all checks. */
export interface CheckLoad {
	answered: number;
	failures: string[];
	/** Milliseconds of the slowest check. */
	slowest: number;
}

const [port = "", count = "", milliseconds = "", ...plugins] =
	process.argv.slice(2);
const load: CheckLoad = { answered: 0, failures: [], slowest: 0 };
const checks: Promise<void>[] = [];
for (let number = 0; number < Number(count); number++) {
	const begun = performance.now();
	const plugin_name = plugins[number % plugins.length];
	checks.push(
		post(Number(port), "/monitor", { plugin_name }).then(
			({ status, text }) => {
				load.slowest = Math.max(load.slowest, performance.now() - begun);
				if (status === 200 && !/"return_value":[^0]/.test(text))
					load.answered++;
				else load.failures.push(`${number}: ${status} ${text}`);
			},
			(error) => {
				load.failures.push(`${number}: ${(error as Error).message}`);
			},
		),
	);
	await pause(Number(milliseconds));
}
await Promise.all(checks);
process.stdout.write(JSON.stringify(load));
