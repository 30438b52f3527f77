import { randomInt } from "node:crypto";
import { processesWith } from "./command-line.ts";
import { eventually } from "./eventually.ts";
import { post } from "./https.ts";

/**
 * Requests checks that ignore SIGTERM and sleep for half a minute, with a number of seconds that no
 * other process has among its arguments. Resolves when all of them sleep.
 * @param options what follows the seconds on each option line
 */
export async function startSleepingChecks(
	{ port }: { port: number },
	options: readonly string[] = [""],
) {
	const marker = `30.${randomInt(1e9, 1e10)}`;
	const answers = options.map((option) =>
		post(port, "/monitor", {
			plugin_name: "check_ignoreterm",
			plugin_option: marker + option,
		}).then(
			({ status }) => status,
			(error: NodeJS.ErrnoException) => error.code,
		),
	);
	// for each check: the script, its sleep, and the shell if there is one
	await eventually(
		"the checks sleep",
		async () =>
			(await processesWith(`sleep\0${marker}`)).length === options.length,
	);
	return {
		/** Status of each answer, or the error's code. */
		answers: Promise.all(answers),
		/** Resolves when all their processes have gone. */
		gone: () =>
			eventually(
				"nothing is left of the checks",
				async () => (await processesWith(marker)).length === 0,
			),
	};
}
