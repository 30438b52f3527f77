import { randomInt } from "node:crypto";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { processesWith } from "./command-line.ts";
import { eventually } from "./eventually.ts";
import { post } from "./https.ts";
import { temporaryDirectory } from "./temporary.ts";

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

/** The plugin `check_waiting` in a directory of its own: it says `finished` once it is let go. */
export async function waitingPlugin(
	t: Parameters<typeof temporaryDirectory>[0],
) {
	const directory = await temporaryDirectory(t);
	await writeFile(
		join(directory, "check_waiting"),
		'#!/bin/sh\ncd "$(dirname "$0")"\n: >started\nuntil [ -e go ]; do sleep 0.05; done\necho finished\n',
		{ mode: 0o755 },
	);
	return {
		directory,
		flags: ["--nagios-plugin-paths", directory],
		/** Resolves when it runs. */
		runs: () =>
			eventually("the plugin runs", () =>
				existsSync(join(directory, "started")),
			),
		letGo: () => writeFile(join(directory, "go"), ""),
	};
}
