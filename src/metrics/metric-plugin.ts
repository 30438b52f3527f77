import type { components } from "../../generated/schema.ts";
import type { CommandResult } from "../commands/command.ts";
import {
	type MissingPlugin,
	missingPlugin,
	type Plugins,
} from "../commands/plugin.ts";
import type { RunCommand } from "../commands/runner.ts";
import type { Log } from "../log.ts";
import { parseSensuLines } from "./sensu.ts";

export type Sample = components["schemas"]["Sample"];

/** A plugin of the configuration, for one host. */
export interface MetricPlugin {
	hostname: string;
	plugin_name: string;
	plugin_option: string;
}

/** What became of a plugin in one pass. */
export interface PluginOutcome {
	result: "ok" | "failed" | "timeout" | "missing" | "empty";
	sample: Sample | undefined;
	badLines: number;
}

/** A plugin that goes wrong does so every minute, with every line. */
const mostLoggedLines = 20;
const mostLoggedCharacters = 200;

/**
 * Runs one plugin and reads what it printed. Never throws: whatever happens is an outcome and a line in the log.
 *
 * As the original: with an exit status other than 0 nothing is used, at the time limit all that was printed before it.
 * Unlike the original, which stored an empty element: without a usable line there is no sample.
 */
export async function runMetricPlugin(
	{ hostname, plugin_name, plugin_option }: MetricPlugin,
	parts: {
		plugins: Pick<Plugins, "prepare">;
		runCommand: RunCommand;
		log: Pick<Log, "warning" | "error">;
		signal: AbortSignal;
	},
): Promise<PluginOutcome> {
	const { plugins, runCommand, log, signal } = parts;
	const name = cut(plugin_name);
	const fail = (
		result: PluginOutcome["result"],
		reason: string,
	): PluginOutcome => {
		// what is stopped on purpose is no failure to report
		if (!signal.aborted) log.error(`metric plugin ${name}: ${reason}`);
		return { result, sample: undefined, badLines: 0 };
	};
	const failMissing = ({ missing, file }: MissingPlugin) =>
		fail("missing", `${missing}: ${file}`);
	try {
		const prepared = await plugins.prepare(plugin_name, plugin_option);
		if ("missing" in prepared) return failMissing(prepared);
		if ("refused" in prepared)
			return fail("failed", `${prepared.refused} ${prepared.reason}`);
		let ended: CommandResult;
		try {
			ended = await runCommand(prepared.line, {
				millisecondsLeft: undefined,
				signal,
			});
		} catch (error) {
			const missing = missingPlugin(error, prepared);
			if (missing) return failMissing(missing);
			throw error;
		}
		if (!ended.timedOut && ended.exitStatus !== 0)
			return fail("failed", describeFailure(ended));
		if (ended.timedOut)
			fail("timeout", `stopped at the time limit (command-timeout)`);
		const { bytes, kept } = ended.stdout;
		if (ended.stdout.cut)
			log.warning(
				`metric plugin ${name}: printed ${bytes} bytes, only the first ${kept} are used (command-output-limit-bytes)`,
			);
		const { metrics, timestamp, bad } = parseSensuLines(completeLines(ended));
		for (const { line, reason, text } of bad.slice(0, mostLoggedLines))
			log.warning(
				`metric plugin ${name} line ${line}: ${reason}: ${cut(text)}`,
			);
		if (bad.length > mostLoggedLines)
			log.warning(
				`metric plugin ${name}: and ${bad.length - mostLoggedLines} more bad lines`,
			);
		const some = Object.keys(metrics).length > 0;
		return {
			result: ended.timedOut ? "timeout" : some ? "ok" : "empty",
			sample: some ? { hostname, timestamp, metrics } : undefined,
			badLines: bad.length,
		};
	} catch (error) {
		return fail("failed", error instanceof Error ? error.message : `${error}`);
	}
}

function describeFailure({
	exitStatus,
	signal,
	stdout,
	stderr,
}: CommandResult) {
	const how =
		exitStatus === undefined
			? `ended by ${signal}`
			: `exit status ${exitStatus}`;
	const said = stderr.text.trim() || stdout.text.trim();
	return said === "" ? how : `${how}: ${cut(said.split("\n", 1)[0] ?? "")}`;
}

/** The output limit may cut a line in the middle of a number, which would be another number. */
function completeLines({ stdout: { text, cut } }: CommandResult) {
	return cut ? text.slice(0, text.lastIndexOf("\n") + 1) : text;
}

function cut(text: string) {
	return text.length > mostLoggedCharacters
		? `${text.slice(0, mostLoggedCharacters)}...`
		: text;
}
