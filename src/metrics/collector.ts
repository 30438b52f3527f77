import { hostname as machineName } from "node:os";
import type { Plugins } from "../commands/plugin.ts";
import type { RunCommand } from "../commands/runner.ts";
import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import type { MetricConfig } from "../protocol/metric-config.ts";
import { createTicker, systemTimers, type Timers } from "../ticker.ts";
import {
	type MetricPlugin,
	type PluginOutcome,
	runMetricPlugin,
	type Sample,
	subjectOf,
} from "./metric-plugin.ts";

/** The result of one pass. */
export interface PassResult {
	/** Seconds since 1970. */
	startedAt: number;
	durationMilliseconds: number;
	plugins: {
		hostname: string;
		plugin_name: string;
		result: PluginOutcome["result"];
		samples: number;
		/** Lines that were skipped. */
		badLines: number;
		/** For example `line 3: not three fields: missing.time 5`. */
		firstBadLine?: string;
	}[];
	/** Whether samples were stored; false if there were none. */
	stored: boolean;
	/** Why the configuration could not be read or the samples not be stored. */
	error?: string;
}

export interface Collector {
	/** Starts the passes, the first after firstPassMilliseconds. Call once. */
	start(): void;
	/**
	 * Starts no further pass, and stops the plugins of a running one; results already complete are
	 * still stored. Resolves when all of this is done.
	 */
	stop(): Promise<void>;
	/** Runs one pass now, or joins the one that is running. Never throws. */
	pass(): Promise<PassResult>;
	/** The last completed pass. */
	last(): PassResult | undefined;
	/** Milliseconds since that pass started, by the monotonic clock. */
	age(): number | undefined;
}

/** As a host name in the configuration, the name of this machine: copies of it have other ones. */
const ownName = "$HOSTNAME";

/**
 * The log subject of a pass as a whole. Subjects of plugins are JSON arrays, so it cannot clash.
 */
const storing = "pass";

/**
 * Runs the metric plugins of all hosts once a minute and stores their samples.
 *
 * Passes are due at whole intervals after the first one, however long each takes, so they do not
 * drift. They never overlap; missed ones are skipped.
 * @param parts.runCommand a runner reserved for the collection
 * @param parts.concurrency plugins to run at once within a pass; all by default. Set it to the
 * runner's number of places: plugins that queue there are given up after a time limit.
 * @param parts.enter called with the outcome of each plugin, at the end of a pass; must not throw
 * @param parts.store called once per pass with all its samples
 * @param parts.now wall clock in milliseconds
 * @param parts.firstPassMilliseconds from start() to the first pass; one interval by default
 */
export function createCollector(parts: {
	config: { current(): MetricConfig; refresh(): Promise<void> };
	plugins: Pick<Plugins, "prepare">;
	runCommand: RunCommand;
	concurrency?: number | undefined;
	enter?: (outcome: PluginOutcome) => void;
	store: (samples: Sample[]) => Promise<void>;
	log: Pick<Log, "info" | "warning" | "error">;
	now: () => number;
	timers?: Timers | undefined;
	intervalMilliseconds?: number | undefined;
	firstPassMilliseconds?: number | undefined;
}): Collector {
	const { config, store, log, now, concurrency } = parts;
	const { timers = systemTimers, intervalMilliseconds = 60_000 } = parts;
	const repeats = createLogRepeats({
		log,
		elapsed: timers.elapsed,
		// as many as the configuration has; keep() removes the others
		maxKinds: Number.POSITIVE_INFINITY,
	});
	const stopping = new AbortController();
	let running: Promise<PassResult> | undefined;
	let last: PassResult | undefined;
	let lastBegun = 0;

	const runAll = async (planned: readonly MetricPlugin[]) => {
		const outcomes: { plugin: MetricPlugin; outcome: PluginOutcome }[] = [];
		const waiting = planned.entries();
		const work = async () => {
			for (const [index, plugin] of waiting)
				outcomes[index] = {
					plugin,
					outcome: await runMetricPlugin(plugin, {
						...parts,
						repeats,
						signal: stopping.signal,
					}),
				};
		};
		const workers = Math.min(planned.length, concurrency ?? planned.length);
		await Promise.all(Array.from({ length: workers }, work));
		return outcomes;
	};

	const runPass = async (): Promise<PassResult> => {
		const begun = timers.elapsed();
		const result: PassResult = {
			startedAt: Math.floor(now() / 1000),
			durationMilliseconds: 0,
			plugins: [],
			stored: false,
		};
		try {
			const planned = await plan();
			repeats.keep(new Set([storing, ...planned.map(subjectOf)]));
			const outcomes = await runAll(planned);
			result.plugins = outcomes.map(({ plugin, outcome }) => ({
				hostname: plugin.hostname,
				plugin_name: plugin.plugin_name,
				result: outcome.result,
				samples: outcome.samples.length,
				badLines: outcome.badLines,
				...(outcome.firstBadLine !== undefined && {
					firstBadLine: outcome.firstBadLine,
				}),
			}));
			for (const { outcome } of outcomes) parts.enter?.(outcome);
			const samples = outcomes.flatMap(({ outcome }) => outcome.samples);
			if (samples.length > 0) {
				await store(samples);
				result.stored = true;
				repeats.right(storing, "metrics");
				log.info(
					`metrics stored: ${samples.length} samples of ${outcomes.length} plugins`,
				);
			}
		} catch (error) {
			result.error = error instanceof Error ? error.message : String(error);
			repeats.wrong(storing, {
				kind: result.error,
				level: "error",
				lines: [`metrics of this pass are not stored: ${result.error}`],
			});
		}
		result.durationMilliseconds = timers.elapsed() - begun;
		last = result;
		lastBegun = begun;
		return result;
	};

	const plan = async (): Promise<MetricPlugin[]> => {
		try {
			await config.refresh();
		} catch (error) {
			log.error(`metric-config: ${error}`);
		}
		return config.current().metrics.flatMap(({ hostname, plugins }) =>
			plugins.map((plugin) => ({
				hostname: hostname === ownName ? machineName() : hostname,
				...plugin,
			})),
		);
	};

	const pass = () => {
		running ??= runPass().finally(() => {
			running = undefined;
		});
		return running;
	};

	const ticker = createTicker({
		tick: pass,
		intervalMilliseconds,
		firstMilliseconds: parts.firstPassMilliseconds ?? intervalMilliseconds,
		timers,
	});

	return {
		start: ticker.start,
		async stop() {
			ticker.stop();
			stopping.abort(new Error("the collection is stopping"));
			await running;
		},
		pass,
		last: () => last,
		age: () => last && timers.elapsed() - lastBegun,
	};
}
