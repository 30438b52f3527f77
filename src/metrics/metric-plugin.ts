import type { components } from "../../generated/schema.ts";
import type { Abandonment } from "../abandonment.ts";
import type { CommandResult } from "../commands/command.ts";
import {
	type MissingPlugin,
	missingPlugin,
	type Plugins,
} from "../commands/plugin.ts";
import type { RunCommand } from "../commands/runner.ts";
import type { LogRepeats, Trouble } from "../log-repeats.ts";
import type { MetricKind } from "../protocol/metric-name.ts";
import {
	type BadLine,
	latestTimestamp,
	parseSensuLines,
} from "../protocol/sensu.ts";

export type Sample = components["schemas"]["Sample"];

/** A plugin from the configuration, for one host. */
export interface MetricPlugin {
	hostname: string;
	plugin_name: string;
	plugin_option: string;
}

/** The outcome of one plugin in one pass. */
export interface PluginOutcome {
	result: "ok" | "failed" | "timeout" | "missing" | "empty";
	/** One for each distinct timestamp printed, oldest first. */
	samples: Sample[];
	/** What the plugin says about its metrics, by name. */
	kinds: ReadonlyMap<string, MetricKind>;
	/** Lines that were skipped, including those that are not three fields. */
	badLines: number;
	/** For example `line 3: not three fields: missing.time 5`. */
	firstBadLine?: string;
}

const noKinds: PluginOutcome["kinds"] = new Map();

/** Limits for the log: a broken plugin may print bad lines only, every minute. */
const maxLoggedLines = 20;
const maxLoggedCharacters = 200;

/** The name of a plugin in the log. */
const labelOf = ({ plugin_name }: MetricPlugin) =>
	`metric plugin ${cut(plugin_name)}`;

/** Identifies a plugin of the configuration in the log. */
export const subjectOf = (plugin: MetricPlugin): string =>
	JSON.stringify([plugin.hostname, plugin.plugin_name, plugin.plugin_option]);

/**
 * Runs one plugin and parses its output. Never throws: every failure becomes an outcome and a line
 * in the log.
 *
 * As in v1, output is discarded if the exit status is not 0, and used as far as it goes if the
 * plugin is stopped at the time limit. Unlike v1, which stored an empty element, there is no sample
 * without a usable line.
 * @param parts.now wall clock in milliseconds
 */
export async function runMetricPlugin(
	plugin: MetricPlugin,
	parts: {
		plugins: Pick<Plugins, "prepare">;
		runCommand: RunCommand;
		repeats: LogRepeats;
		now: () => number;
		signal: Abandonment;
	},
): Promise<PluginOutcome> {
	const { plugins, runCommand, repeats, now, signal } = parts;
	const { hostname, plugin_name, plugin_option } = plugin;
	const label = labelOf(plugin);
	const troubles: Trouble[] = [];
	/** @param varying parts of the message that differ each time */
	const warn = (
		level: Trouble["level"],
		reason: string,
		varying: readonly string[] = [],
	) => {
		const [first = "", ...more] = varying;
		const line = `${label}${reason}${first}`;
		troubles.push({ kind: reason, level, lines: [line, ...more] });
	};
	const fail = (
		result: PluginOutcome["result"],
		reason: string,
		detail = "",
	): PluginOutcome => {
		warn("error", `: ${reason}`, [detail]);
		return { result, samples: [], kinds: noKinds, badLines: 0 };
	};
	const failMissing = ({ missing, file }: MissingPlugin) =>
		fail("missing", `${missing}: ${file}`);

	const run = async (): Promise<PluginOutcome> => {
		const prepared = await plugins.prepare(plugin_name, plugin_option);
		if ("missing" in prepared) return failMissing(prepared);
		if ("hanging" in prepared)
			return fail(
				"timeout",
				`plugin directory does not answer: ${prepared.hanging}`,
			);
		if ("refused" in prepared)
			return fail("failed", `${prepared.refused} ${prepared.reason}`);
		let ended: CommandResult;
		try {
			ended = await runCommand(prepared.line, {
				client: "collection",
				millisecondsLeft: undefined,
				signal,
			});
		} catch (error) {
			const missing = missingPlugin(error, prepared);
			if (missing) return failMissing(missing);
			throw error;
		}
		if (!ended.timedOut && ended.exitStatus !== 0)
			return fail("failed", howItEnded(ended), saidBy(ended));
		if (ended.timedOut)
			fail("timeout", "stopped at the time limit (command-timeout)");
		const { bytes, kept } = ended.stdout;
		if (ended.stdout.cut)
			warn("warning", ": printed ", [
				`${bytes} bytes, only the first ${kept} are used (command-output-limit-bytes)`,
			]);
		const { samples, bad, unknown, kinds } = parseSensuLines(
			completeLines(ended),
			latestTimestamp(now()),
		);
		const lines = bad
			.slice(0, maxLoggedLines)
			.map((line) => `${label} ${describeLine(line)}`);
		if (bad.length > maxLoggedLines)
			lines.push(`${label}: and ${bad.length - maxLoggedLines} more bad lines`);
		if (unknown.first)
			lines.push(
				unknown.count === 1
					? `${label} ${describeLine(unknown.first)}`
					: `${label}: ${unknown.count} lines are not three fields, the first is line ${unknown.first.line}: ${cut(unknown.first.text)}`,
			);
		if (lines.length > 0)
			troubles.push({ kind: "bad lines", level: "warning", lines });
		const [first] = [
			...bad.slice(0, 1),
			...(unknown.first ? [unknown.first] : []),
		].sort((one, other) => one.line - other.line);
		const some = samples.length > 0;
		return {
			result: ended.timedOut ? "timeout" : some ? "ok" : "empty",
			samples: samples.map((sample) => ({ hostname, ...sample })),
			kinds,
			badLines: bad.length + unknown.count,
			...(first && { firstBadLine: describeLine(first) }),
		};
	};

	const outcome = await run().catch((error) =>
		fail("failed", error instanceof Error ? error.message : `${error}`),
	);
	// a plugin that we stopped has not failed
	if (signal.aborted) return outcome;
	const subject = subjectOf(plugin);
	if (troubles.length === 0) repeats.right(subject, label);
	else
		repeats.wrong(subject, {
			kind: troubles.map(({ kind }) => kind).join("\n"),
			level: troubles.some(({ level }) => level === "error")
				? "error"
				: "warning",
			lines: troubles.flatMap(({ lines }) => lines),
		});
	return outcome;
}

function describeLine({ line, reason, text }: BadLine) {
	return `line ${line}: ${reason}: ${cut(text)}`;
}

function howItEnded({ exitStatus, signal }: CommandResult) {
	return exitStatus === undefined
		? `ended by ${signal}`
		: `exit status ${exitStatus}`;
}

/** The first line of its output, preferring standard error, after a colon. */
function saidBy({ stdout, stderr }: CommandResult) {
	const said = stderr.text.trim() || stdout.text.trim();
	return said === "" ? "" : `: ${cut(said.split("\n", 1)[0] ?? "")}`;
}

/**
 * Drops an incomplete last line: the output limit may cut through a number, which would leave
 * another number.
 */
function completeLines({ stdout: { text, cut } }: CommandResult) {
	return cut ? text.slice(0, text.lastIndexOf("\n") + 1) : text;
}

/** Shortens text for the log without splitting a character. */
function cut(text: string) {
	return text.length > maxLoggedCharacters
		? `${text.slice(0, maxLoggedCharacters).replace(/\p{Surrogate}$/u, "")}...`
		: text;
}
