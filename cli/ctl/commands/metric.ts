import type { AgentClient, StoredSample } from "../../../src/client/index.ts";
import { globMatches } from "../../../src/policy/pattern.ts";
import type { SettingTable } from "../../../src/setting-table.ts";
import { UsageError } from "../../program/arguments.ts";
import { didYouMean } from "../../program/suggestion.ts";
import { type AgentCall, createAgentCommand } from "../agent-command.ts";
import { type ExposedMetrics, exposedMetrics } from "../metrics-page.ts";
import {
	metricColumns,
	metricsAsExposition,
	metricTable,
	samplesAsGraphite,
	samplesText,
} from "../output/metric-text.ts";
import { report } from "../output/report.ts";
import { leavingText } from "../output/table.ts";
import { answered, dataOf, exitStatus, HostFailure } from "../target/answer.ts";
import {
	drainPlain,
	drainWithLease,
	explainNoLease,
	type WriteSamples,
} from "./metric-drain.ts";
import { followMetrics } from "./metric-follow.ts";

const metricSettings = {
	follow: {
		kind: "switch",
		short: "f",
		default: false,
		help: "show the metrics of every pass of the metric plugins until Ctrl-C; takes nothing. On a terminal, a screen with changes and trends; otherwise a line for each value",
	},
	"interval-seconds": {
		kind: "integer",
		default: 5,
		minimum: 1,
		maximum: 3600,
		help: "how often --follow polls for a new pass",
	},
	drain: {
		kind: "switch",
		default: false,
		help: "take the metrics: lease each batch, write it and then acknowledge it, so that the agent deletes it",
	},
	plain: {
		kind: "switch",
		default: false,
		help: "with --drain: take the metrics without leases, as v1 (Go) requires; the agent deletes what it sends",
	},
	consumer: {
		kind: "text",
		default: "",
		placeholder: "NAME",
		help: "consumer that shows or takes the metrics; one of the agent's metric-consumers",
	},
	"lease-seconds": {
		kind: "integer",
		default: 300,
		minimum: 1,
		maximum: 86_400,
		help: "how long --drain may take to write a batch; after that, the batch can be leased again",
	},
	limit: {
		kind: "integer",
		default: 3600,
		minimum: 1,
		maximum: 3600,
		help: "maximum number of distinct seconds of arrival to show, oldest first, or to take in a batch of --drain",
	},
} as const satisfies SettingTable;

type Call = AgentCall<typeof metricSettings>;

/** Whether the operands of the command choose a metric; without any, all metrics are chosen. */
const chosenBy = (patterns: readonly string[]) => (metric: string) =>
	patterns.length === 0 ||
	patterns.some((pattern) => globMatches(pattern, metric));

/** Samples without the metrics that were not chosen. */
const chosenSamples = (
	samples: readonly StoredSample[],
	isChosen: (metric: string) => boolean,
): StoredSample[] =>
	samples.flatMap(({ metrics, ...sample }) => {
		const chosen = Object.entries(metrics ?? {}).filter(([name]) =>
			isChosen(name),
		);
		return chosen.length > 0
			? [{ ...sample, metrics: Object.fromEntries(chosen) }]
			: [];
	});

function peek(call: Call) {
	const { operands } = call;
	const { consumer, limit } = call.settings;
	return call.ask(async (client) => {
		const { metric_data } = await dataOf(
			client.POST("/metric/peek", {
				body: { limit, ...(consumer !== "" && { consumer }) },
			}),
			"/metric/peek",
		).catch((error) => {
			const { failure } = error as HostFailure;
			if (failure?.reason !== "unsupported") throw error;
			throw new HostFailure({
				...failure,
				message:
					"it has no /metric/peek (404), as v1 (Go): its metrics cannot be shown, only taken (--drain --plain)",
			});
		});
		const stored = metric_data ?? [];
		const samples =
			operands.length === 0
				? stored
				: chosenSamples(stored, chosenBy(operands));
		const page =
			call.output === "prometheus" && samples.length > 0
				? await readExposed(client)
				: undefined;
		return { isEmpty: stored.length === 0, samples, page };
	});
}

/** How the agent exposes its metrics; without any of them, if it refuses to say so, with the reason. */
async function readExposed(
	client: AgentClient,
): Promise<{ exposed: ExposedMetrics; failure?: string }> {
	try {
		const text = await dataOf(client.GET("/metrics"), "/metrics");
		return { exposed: exposedMetrics(text) };
	} catch (error) {
		if (!(error instanceof HostFailure)) throw error;
		return { exposed: () => undefined, failure: error.failure.message };
	}
}

type Peeked = Extract<Awaited<ReturnType<typeof peek>>[number], { ok: true }>;

/** The page of some agents; says what it does not have. */
function expositionOf(call: Call, agents: readonly Peeked[]): string {
	call.sayAbout(
		agents.flatMap(({ host, data: { page } }) =>
			page?.failure === undefined
				? []
				: [
						{
							host,
							message: `its metrics have neither units nor types: ${page.failure}`,
						},
					],
		),
	);
	const { text, leftOut } = metricsAsExposition(
		agents.map(({ host, data: { samples, page } }) => ({
			...{ host, data: samples, exposed: page?.exposed ?? (() => undefined) },
		})),
	);
	for (const line of leftOut) call.say(line);
	return text;
}

async function show(call: Call): Promise<number> {
	const { operands } = call;
	const peeked = await peek(call);
	const now = Date.now() / 1000;
	const answers = peeked.map((answer) =>
		answer.ok ? { ...answer, data: answer.data.samples } : answer,
	);
	if (call.output === "table")
		call.sayAbout(
			answered(peeked)
				.filter(({ data }) => data.isEmpty)
				.map(({ host }) => ({
					host,
					message: "nothing stored that is not taken yet",
				})),
		);
	const status =
		call.output === "prometheus"
			? await report(call, peeked, {
					prometheus: (agents) => expositionOf(call, agents),
				})
			: await report(call, answers, {
					table: (agents) => metricTable(agents, call.screen, now),
					graphite: (agents) =>
						agents.map(({ data }) => samplesAsGraphite(data)).join(""),
				});
	const hasOthers = peeked.some((answer) => answer.ok && !answer.data.isEmpty);
	const hasChosen = answers.some(({ ok, ...answer }) =>
		ok && "data" in answer ? answer.data.length > 0 : false,
	);
	if (operands.length === 0 || !hasOthers || hasChosen) return status;
	call.say(
		`no stored metric is named ${operands.join(" or ")}${didYouMean(operands[0] ?? "", ["append", "config", "leases"])}`,
	);
	return 1;
}

/** Whether the reader has closed standard output, as `head` does. */
const isClosed = (error: unknown) =>
	(error as NodeJS.ErrnoException).code === "EPIPE";

async function drain(call: Call): Promise<number> {
	const { settings, output } = call;
	const lease = {
		consumer: settings.consumer,
		leaseSeconds: settings["lease-seconds"],
		limit: settings.limit,
	};
	const whenClosed = settings.plain
		? "the last batch is lost"
		: `the last batch was not acknowledged and can be leased again in ${lease.leaseSeconds} seconds`;
	const answers = await call.ask<number>(
		async (client, target) => {
			const write: WriteSamples = (samples) =>
				call.write(samplesText(output, target.name, samples));
			try {
				return settings.plain
					? await drainPlain(client, write)
					: await drainWithLease(client, lease, write);
			} catch (error) {
				if (!isClosed(error)) throw explainNoLease(error);
				throw new HostFailure({
					reason: "failed",
					message: `standard output was closed: ${whenClosed}`,
				});
			}
		},
		(answer) => {
			if (answer.ok) call.say(`${answer.host}: ${answer.data} samples taken`);
		},
	);
	call.sayFailures(answers);
	return exitStatus(answers);
}

export const metricCommand = createAgentCommand({
	name: "metric",
	summary: "show the stored metrics, or take them",
	usage: "[NAME...]",
	details: `Shows the stored metrics that are not taken yet, oldest first, and changes nothing (/metric/peek). --follow shows new metrics as the metric plugins deliver them (/metrics). Only --drain takes metrics. With --output prometheus, each metric has its latest value, and the name, unit and type that it has in the agent's /metrics; what is not there is a gauge without a unit. v1 (Go) can neither show nor lease metrics: the command says so, and takes them only with --drain --plain.\nNAME is the name of a metric, in which * stands for any characters and ? for one; without NAME, all metrics are shown. TREND has the values, oldest first; for a counter it has the rates, how much the counter grew in a second. A metric is a counter if its plugin says so (known to --follow), or if its values never fell and rose at least eight times.\nWith --drain or --follow, json is one object a line and yaml one document a sample.\n${leavingText(metricColumns)}`,
	examples: [
		"metric -H web01",
		"metric -H web01 -o graphite",
		"metric -H web01,web02 --follow 'linux.cpu.*' linux.loadavg.load1",
		"metric -H web01 --drain -o json > metrics.jsonl",
		"metric -H old01 --drain --plain -o graphite | nc graphite 2003",
	],
	settings: metricSettings,
	formats: ["table", "json", "yaml", "prometheus", "graphite"],
	operands: { minimum: 0, maximum: Number.POSITIVE_INFINITY, name: "NAME" },
	async run(call) {
		const { settings, operands, output } = call;
		if (settings.drain && operands.length > 0)
			throw new UsageError(
				`--drain takes all metrics, not only ${operands.join(" ")}`,
			);
		if (settings.plain && !settings.drain)
			throw new UsageError("--plain: requires --drain");
		if (settings.drain && settings.follow)
			throw new UsageError("--drain and --follow: give only one of them");
		if (settings.plain && settings.consumer !== "")
			throw new UsageError("--consumer: cannot be used with --plain");
		if ((settings.drain || settings.follow) && output === "prometheus")
			throw new UsageError(
				"--output prometheus: cannot be used with --drain or --follow, because it shows only the latest values",
			);
		if (settings.drain) return drain(call);
		return settings.follow
			? followMetrics(
					call,
					settings["interval-seconds"] * 1000,
					chosenBy(operands),
				)
			: show(call);
	},
});
