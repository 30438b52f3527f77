import type { StoredSample } from "../../../src/client/index.ts";
import type { SettingTable } from "../../../src/setting-table.ts";
import type { AgentCall } from "../agent-command.ts";
import { type MetricsPage, parseMetricsPage } from "../metrics-page.ts";
import type { Size } from "../output/live-screen.ts";
import {
	looksLikeCounter,
	type MetricSeries,
	rates,
	samplesText,
	trendColumns,
	trendText,
} from "../output/metric-text.ts";
import { durationText, figureText } from "../output/quantity.ts";
import { type Cell, type Column, table } from "../output/table.ts";
import type { Paint } from "../output/terminal.ts";
import { dataOf, type Failure } from "../target/answer.ts";
import type { Target } from "../target/targets.ts";
import {
	cutTo,
	headLine,
	onScreen,
	pollAgents,
	untilInterrupted,
} from "./follow.ts";
import { messageLines } from "./status-table.ts";

/** Points kept of each metric. */
const maxPoints = 60;

interface FollowedSeries extends MetricSeries {
	isCounter: boolean;
}

interface FollowedAgent {
	name: string;
	pass: number | undefined;
	/** By host and metric; only what the last page has. */
	series: Map<string, FollowedSeries>;
	failure: Failure | undefined;
}

const columns: readonly Column[] = [
	{ title: "AGENT" },
	{ title: "HOST", cut: "middle", leaves: 2 },
	{ title: "METRIC", cut: "middle" },
	{ title: "VALUE", align: "right" },
	{ title: "CHANGE", align: "right" },
	{ title: "TREND", leaves: 1 },
];

/** `+3`, `-0.5`, or `12.5/s` for a counter; empty for one point. */
function changeText({ points, isCounter }: FollowedSeries): string {
	const [before, last] = points.slice(-2);
	if (!before || !last) return "";
	if (isCounter) {
		const rate = rates([before, last]).at(-1);
		// more digits of a quotient say nothing
		const rounded = Number(rate?.toPrecision(4));
		return rate === undefined ? "" : `${figureText(rounded)}/s`;
	}
	const change = last.value - before.value;
	return change > 0 ? `+${figureText(change)}` : figureText(change);
}

/** The metrics of all agents of `metric --follow`. */
export class MetricBoard {
	readonly #agents: Map<Pick<Target, "name">, FollowedAgent>;

	constructor(targets: readonly Pick<Target, "name">[]) {
		this.#agents = new Map(
			targets.map((target) => [
				target,
				{
					...{ name: target.name, pass: undefined },
					...{ series: new Map(), failure: undefined },
				},
			]),
		);
	}

	/** Takes the page of a pass. */
	take(target: Pick<Target, "name">, { pass, metrics }: MetricsPage): void {
		const agent = this.#agents.get(target);
		if (!agent) return;
		agent.failure = undefined;
		if (pass === undefined || pass === agent.pass) return;
		agent.pass = pass;
		const known = agent.series;
		agent.series = new Map();
		for (const { host, name, kind, value } of metrics) {
			const key = `${host}\n${name}`;
			const before = known.get(key)?.points ?? [];
			const points = [...before, { timestamp: pass, value }].slice(-maxPoints);
			agent.series.set(key, {
				...{ hostname: host, metric: name, points },
				isCounter: kind === "counter" || looksLikeCounter(points),
			});
		}
	}

	fail(target: Pick<Target, "name">, failure: Failure): void {
		const agent = this.#agents.get(target);
		if (agent) agent.failure = failure;
	}

	/** The screen: a summary, one line for each metric, and which agents do not answer. */
	frame(
		size: Size,
		{ paint, namesAll }: { paint: Paint; namesAll: boolean },
		time: number,
	): string {
		const agents = [...this.#agents.values()];
		const isAlone = agents.length === 1;
		const all = agents.flatMap(({ name, series }) =>
			[...series.values()].sort(bySeriesName).map((one) => ({ name, one })),
		);
		// of ten thousand metrics only a few are shown
		const rows = all.slice(0, size.rows).map(({ name, one }): Cell[] => [
			...(isAlone ? [] : [{ text: name, colour: "cyan" as const }]),
			one.hostname,
			one.metric,
			figureText(one.points.at(-1)?.value ?? 0),
			changeText(one),
			{
				text: trendText(one.points, trendColumns(size.columns), one.isCounter),
				colour: "green",
			},
		]);
		const screen = { columns: size.columns, paint };
		const lines = table(isAlone ? columns.slice(1) : columns, rows, screen)
			.trimEnd()
			.split("\n");
		const failures = messageLines(
			agents.flatMap(({ name, failure }) =>
				failure ? [{ host: name, message: failure.message }] : [],
			),
			screen,
			{ namesAll, colour: "red" },
		);
		const room = size.rows - 3;
		const shown = cutTo(failures, Math.floor(room / 3), "more lines");
		const passes = agents.flatMap(({ pass }) => pass ?? []);
		const age =
			passes.length > 0
				? `, last pass ${durationText(time - Math.max(...passes))} ago`
				: "";
		const whose = isAlone ? agents[0]?.name : `${agents.length} agents`;
		return [
			headLine(`${all.length} metrics of ${whose}${age}`, size.columns, time),
			"",
			...cutTo(
				lines,
				room - shown.length,
				"more metrics: name some, such as 'linux.disk*'",
				all.length - rows.length,
			),
			...(shown.length > 0 ? ["", ...shown] : []),
		].join("\n");
	}
}

const bySeriesName = (a: MetricSeries, b: MetricSeries) =>
	a.hostname === b.hostname
		? a.metric < b.metric
			? -1
			: 1
		: a.hostname < b.hostname
			? -1
			: 1;

/** The page as samples, one for each host. */
function samplesOf({ metrics }: MetricsPage, pass: number): StoredSample[] {
	const byHost = new Map<string, [string, number][]>();
	for (const { host, name, value } of metrics) {
		const pairs = byHost.get(host) ?? [];
		byHost.set(host, pairs);
		pairs.push([name, value]);
	}
	return [...byHost].map(([hostname, pairs]) => ({
		hostname,
		timestamp: pass,
		metrics: Object.fromEntries(pairs),
	}));
}

/**
 * Shows the metrics of every pass of the agents' metric plugins until SIGINT or SIGTERM: on a screen
 * if there is a terminal, otherwise as lines. It reads `/metrics`, which takes nothing from
 * consumers. So it shows metrics that a backend drains at the same time, and a long backlog in the
 * store does not hide new metrics.
 * @param matches which metrics to show, by name
 * @returns the exit status: 1 if an agent has no `/metrics`
 */
export async function followMetrics(
	call: AgentCall<SettingTable>,
	intervalMilliseconds: number,
	matches: (metric: string) => boolean,
): Promise<number> {
	const { output, targets, terminal, namesAll } = call;
	const { paint } = call.screen;
	const board = new MetricBoard(targets);
	const passes = new Map<Target, number>();
	const failures = new Map<Target, string>();
	let status = 0;

	const writeSamples = async (target: Target, page: MetricsPage) => {
		const { pass } = page;
		if (pass === undefined || passes.get(target) === pass) return;
		passes.set(target, pass);
		await call.write(samplesText(output, target.name, samplesOf(page, pass)));
	};
	const sayFailure = (target: Target, error: Failure) => {
		if (failures.get(target) === error.message) return;
		failures.set(target, error.message);
		call.sayFailures([{ host: target.name, ok: false, error }]);
	};
	const follow = (signal: AbortSignal, changed?: () => void) =>
		pollAgents(call, {
			intervalMilliseconds,
			signal,
			async ask(client, given): Promise<MetricsPage> {
				const text = await dataOf(
					client.GET("/metrics", { signal: given }),
					"/metrics",
				);
				const { pass, metrics } = parseMetricsPage(text);
				return {
					pass,
					metrics: metrics.filter(
						({ host, name }) => host !== "" && matches(name),
					),
				};
			},
			async take(polled) {
				const { target } = polled;
				if (polled.ok) {
					failures.delete(target);
					if (changed) board.take(target, polled.data);
					else await writeSamples(target, polled.data);
					changed?.();
					return true;
				}
				if (changed) board.fail(target, polled.error);
				else sayFailure(target, polled.error);
				changed?.();
				if (polled.error.reason !== "unsupported") return true;
				status = 1;
				return false;
			},
		});
	const screen = output === "table" ? terminal : undefined;
	await untilInterrupted((signal) => {
		call.keepKnownHosts(signal, screen !== undefined);
		return screen
			? onScreen(
					screen,
					signal,
					(size) => board.frame(size, { paint, namesAll }, Date.now() / 1000),
					(changed) => follow(signal, changed),
				)
			: follow(signal);
	});
	return status;
}
