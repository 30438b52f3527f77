import type { components } from "../../../generated/web-schema.ts";
import type {
	AgentClient,
	components as AgentComponents,
	Status,
} from "../../../src/client/index.ts";
import { hopText } from "../../../src/protocol/hop.ts";
import { listMachineStates, takenAt } from "../commands/machine-state.ts";
import { statusProblems } from "../commands/status-problems.ts";
import { labelsOf, parseMetricsPage } from "../metrics-page.ts";
import { dataOf, type Failure, HostFailure } from "../target/answer.ts";
import { type Target, targetKey } from "../target/targets.ts";
import type { Ask } from "./asking.ts";
import type { Changes } from "./changes.ts";
import { MetricHistory } from "./metric-history.ts";
import {
	isRefused,
	nowSeconds,
	Part,
	refusedMilliseconds,
	shownFailure,
} from "./part.ts";

type Schemas = components["schemas"];
type AgentSchemas = AgentComponents["schemas"];
type CommandList = AgentSchemas["CommandList"];
type ResultList = AgentSchemas["ResultList"];
type RefusalList = AgentSchemas["RefusalList"];
type Work<T> = (
	client: AgentClient,
	signal: AbortSignal,
	isWanted: boolean,
) => Promise<T>;

/** Seconds between an answer and the next request. */
const seconds = {
	health: 5,
	commands: 60,
	results: 5,
	refusals: 5,
	metrics: 10,
	machineStates: 30,
	relay: 10,
};

/** The largest number that the contract allows: everything that the buffer holds, up to 8 MiB. */
const peekSeconds = 3_600;

const health: Work<Schemas["Health"]> = async (client, signal) => {
	const before = nowSeconds();
	const status = await dataOf(client.GET("/status", { signal }), "/status");
	const asked = { before, after: nowSeconds() };
	return { problems: statusProblems(status, asked), status };
};

const commands: Work<CommandList> = (client, signal) =>
	dataOf(client.POST("/commands", { signal }), "/commands");

const results: Work<ResultList> = (client, signal) =>
	dataOf(client.POST("/results", { signal }), "/results");

const refusals: Work<RefusalList> = (client, signal) =>
	dataOf(client.POST("/refusals", { signal }), "/refusals");

const machineStates: Work<Schemas["MachineStates"]> = async (
	client,
	signal,
) => {
	const { keys } = await listMachineStates(client, { signal });
	const states = keys.map((key) => ({ key, taken_at: takenAt(key) || 0 }));
	return { states: states.reverse() };
};

const metricsText = (client: AgentClient, signal: AbortSignal) =>
	dataOf(client.GET("/metrics", { signal }), "/metrics");

/** Why work on an agent failed, for an answer that has something else to tell. */
async function failureIn(work: Promise<void>): Promise<Failure | undefined> {
	try {
		await work;
		return undefined;
	} catch (error) {
		if (error instanceof HostFailure) return error.failure;
		throw error;
	}
}

/**
 * Reads the buffer once, and the present values each time. One of the two is enough. A refused
 * buffer is seldom asked for again.
 */
function createMetricsWork(
	history: MetricHistory,
): Work<Schemas["KnownMetrics"]> {
	let buffer: Failure | "read" | undefined;
	let refusedUntil = 0;
	const readBuffer = async (client: AgentClient, signal: AbortSignal) => {
		const { metric_data } = await dataOf(
			client.POST("/metric/peek", { body: { limit: peekSeconds }, signal }),
			"/metric/peek",
		);
		history.addSamples(metric_data ?? []);
	};
	return async (client, signal, isWanted) => {
		if (buffer !== "read" && (isWanted || refusedUntil <= performance.now())) {
			const failure = await failureIn(readBuffer(client, signal));
			buffer = failure ?? "read";
			if (failure && isRefused(failure))
				refusedUntil = performance.now() + refusedMilliseconds;
		}
		const failure = await failureIn(
			metricsText(client, signal).then((text) =>
				history.addPage(parseMetricsPage(text), nowSeconds()),
			),
		);
		if (failure && buffer !== "read") throw new HostFailure(failure);
		const missing = buffer === "read" ? failure : buffer;
		return {
			...history.known(),
			buffer_failure: missing ? shownFailure(missing) : null,
		};
	};
}

const relaySettings = /^proxy-/;

/** Counts of answers to `/proxy`, by status, from the agent's `/metrics`. */
function relayRequests(text: string): Schemas["Relay"]["requests"] {
	return parseMetricsPage(text).metrics.flatMap(({ host, name, value }) => {
		const isRequests = host === "" && name.startsWith(requestsName);
		const labels = isRequests ? labelsOf(name) : undefined;
		return labels?.get("operation") === "relayRequest"
			? [{ status: labels.get("status") ?? "", count: value }]
			: [];
	});
}

const requestsName = "happo_agent_requests_total{";

const settingsOf = ({ settings = {} }: Status) =>
	Object.fromEntries(
		Object.entries(settings).filter(([name]) => relaySettings.test(name)),
	);

/** All parts of one host. */
export interface HostParts {
	health: Part<Schemas["Health"]>;
	commands: Part<CommandList>;
	results: Part<ResultList>;
	refusals: Part<RefusalList>;
	metrics: Part<Schemas["KnownMetrics"]>;
	machine_states: Part<Schemas["MachineStates"]>;
	relay: Part<Schemas["Relay"]>;
}

/** A host whose parts are watched. */
export interface WatchedHost {
	readonly parts: HostParts;
	readonly history: MetricHistory;
}

/** Makes the parts of a host; none asks before it is watched. */
export function watchHost(
	target: Target,
	targets: () => readonly Target[],
	{ ask, changes }: { ask: Ask; changes: Changes },
): WatchedHost {
	const history = new MetricHistory();
	const part = <T>(every: number, work: Work<T>) =>
		new Part<T>(changes, every, (given, isWanted) =>
			ask(target, (client, signal) => work(client, signal, isWanted), given),
		);
	const own = hopText(target.agent);
	const behind = () =>
		targets()
			.filter(({ via }) => via.some((hop) => hopText(hop) === own))
			.map((one) => ({ key: targetKey(one), name: one.name }));
	return {
		history,
		parts: {
			health: part(seconds.health, health),
			commands: part(seconds.commands, commands),
			results: part(seconds.results, results),
			refusals: part(seconds.refusals, refusals),
			metrics: part(seconds.metrics, createMetricsWork(history)),
			machine_states: part(seconds.machineStates, machineStates),
			relay: part(seconds.relay, async (client, signal) => {
				const text = await metricsText(client, signal);
				const status = await dataOf(
					client.GET("/status", { signal }),
					"/status",
				);
				return {
					requests: relayRequests(text),
					running: status.relay?.requests ?? null,
					slow_hops: status.relay?.slow_hops ?? [],
					...{ settings: settingsOf(status), behind: behind() },
				};
			}),
		},
	};
}
