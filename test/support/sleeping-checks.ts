import { randomInt } from "node:crypto";
import { processesWith } from "./command-line.ts";
import { eventually } from "./eventually.ts";
import { post } from "./https.ts";

/**
 * Asks for checks that ignore SIGTERM and sleep for half a minute, for seconds that
 * no other process has among its arguments. Resolves when all of them sleep.
 * @param options what follows the seconds on the option line of each
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
	// of each check the script and its sleep, and the shell where there is one
	await eventually(
		"the checks sleep",
		async () =>
			(await processesWith(`sleep\0${marker}`)).length === options.length,
	);
	return {
		/** Status of each answer, or the code of the error that came instead. */
		answers: Promise.all(answers),
		/** Resolves when none of their processes is there any more. */
		gone: () =>
			eventually(
				"nothing is left of the checks",
				async () => (await processesWith(marker)).length === 0,
			),
	};
}
