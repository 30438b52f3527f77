import { readdir } from "node:fs/promises";
import type { components } from "../../generated/schema.ts";
import type { Family, MetricType, Series } from "../protocol/exposition.ts";
import { checkFamilies } from "./check-families.ts";
import type { CheckResults } from "./check-results.ts";
import type { Collected } from "./collected.ts";
import type { CollectedFamilies } from "./collected-families.ts";
import type { Figures } from "./figures.ts";
import { bufferSpan, diskBytes, type State } from "./state.ts";

const family = (
	name: string,
	type: MetricType,
	help: string,
	series: number | undefined | Series[],
): Family => ({
	name,
	type,
	help,
	series: Array.isArray(series)
		? series
		: series === undefined
			? []
			: [{ value: series }],
});

const agent = (
	name: string,
	type: MetricType,
	help: string,
	series: number | undefined | Series[],
) => family(`happo_agent_${name}`, type, help, series);

type Pass = NonNullable<components["schemas"]["CollectionPass"]>;

/** Number of plugins in the last pass, by result. */
function passResults({ plugins }: Pass): Series[] {
	return ["ok", "failed", "timeout", "missing", "empty"].map((result) => ({
		labels: { result },
		value: plugins.filter((plugin) => plugin.result === result).length,
	}));
}

/** When each CA of clients expires. */
const authorityExpiries = (state: State): Series[] =>
	(state.clientCertificates()?.authorities ?? []).map(
		({ subject, fingerprint_sha256, not_after }) => ({
			labels: { subject, fingerprint: fingerprint_sha256 },
			value: not_after,
		}),
	);

/** When each revocation list expires; the first one if a CA has several, of different keys. */
function listExpiries(state: State): Series[] {
	const first = new Map<string, number>();
	for (const list of state.clientCertificates()?.revocation_lists ?? [])
		first.set(
			list.issuer,
			Math.min(list.next_update, first.get(list.issuer) ?? list.next_update),
		);
	return [...first].map(([issuer, value]) => ({ labels: { issuer }, value }));
}

/** Seconds since the arrival of the oldest metrics; 0 if there are none. */
const age = (oldest: number, now: number) =>
	oldest === 0 ? 0 : Math.max(0, Math.floor(now / 1000) - oldest);

/** All metric families of the page for Prometheus, with current values. */
export async function exportedFamilies(parts: {
	state: State;
	figures: Figures;
	checkResults: CheckResults;
	collected: Collected;
	collectedFamilies: CollectedFamilies;
}): Promise<Family[]> {
	const { collectedFamilies } = parts;
	const own = await ownFamilies(parts);
	const collected = collectedFamilies.families(own);
	return [
		...own,
		agent(
			"collected_metrics_left_out",
			"gauge",
			"Collected metrics without a family of their own, because of their names; the log names them.",
			collectedFamilies.leftOut,
		),
		...collected,
	];
}

/** All families but those of collected metrics. */
async function ownFamilies(parts: {
	state: State;
	figures: Figures;
	checkResults: CheckResults;
	collected: Collected;
}): Promise<Family[]> {
	const { state, figures, collected } = parts;
	const { database } = state;
	const commands = state.commands();
	const connections = state.connections();
	const loop = state.eventLoop();
	const policy = state.policy();
	const pass = state.collection().last_pass ?? undefined;
	const audit = state.audit();
	const span = await bufferSpan(state);
	const usage = await processFigures();
	return [
		agent("build", "info", "Version of the agent and of its runtime.", [
			{
				labels: { version: state.version, node: process.versions.node },
				value: 1,
			},
		]),
		agent(
			"requests",
			"counter",
			"Requests by operation and status of the answer, for nrpe that of the check; none: unknown operation, or the client left before the answer.",
			figures.requests(),
		),
		agent(
			"check_duration_seconds",
			"summary",
			"Run time of checks by plugin and result.",
			figures.checks(),
		),
		agent(
			"commands_running",
			"gauge",
			"Plugins and commands that run now.",
			commands.running,
		),
		agent(
			"commands_waiting",
			"gauge",
			"Plugins and commands that wait for a place.",
			commands.waiting,
		),
		agent(
			"command_timeouts",
			"counter",
			"Plugins and commands stopped at their time limit.",
			commands.timeouts,
		),
		agent(
			"command_survivors",
			"counter",
			"Plugins and commands still alive one second after SIGKILL.",
			commands.survivors_total,
		),
		agent(
			"commands_left_behind",
			"gauge",
			"Answered plugins and commands with processes still running.",
			commands.left_behind,
		),
		agent(
			"commands_left_behind_stopped",
			"counter",
			"Answered plugins and commands whose remaining processes were stopped because there were too many.",
			commands.left_behind_stopped_total,
		),
		agent(
			"connections_open",
			"gauge",
			"Connections being served now.",
			connections.open,
		),
		agent(
			"connections_waiting",
			"gauge",
			"Connections waiting because of max-connections.",
			connections.waiting,
		),
		agent(
			"metric_buffer_oldest_timestamp_seconds",
			"gauge",
			"Arrival of the oldest stored metrics, seconds since 1970; absent if there are none.",
			span?.oldest || undefined,
		),
		agent(
			"metric_buffer_newest_timestamp_seconds",
			"gauge",
			"Arrival of the newest stored metrics, seconds since 1970; absent if there are none.",
			span?.newest || undefined,
		),
		agent(
			"metric_buffer_age_seconds",
			"gauge",
			"How long the oldest stored metrics have been waiting for a consumer; 0 if there are none, absent while the store cannot be used.",
			span && age(span.oldest, state.now()),
		),
		agent(
			"store_available",
			"gauge",
			"Whether the store can be used: 1 or 0.",
			database.unavailable === undefined ? 1 : 0,
		),
		agent(
			"store_damages",
			"counter",
			"Damage found in the store's files or values.",
			database.damages.count,
		),
		agent(
			"store_lost_entries",
			"counter",
			"Entries of the store that were acknowledged and later found missing.",
			database.damages.lostEntries,
		),
		agent(
			"store_disk_bytes",
			"gauge",
			"Size of the store's files.",
			await diskBytes(state),
		),
		agent(
			"store_full",
			"gauge",
			"Whether the store refuses writes because it is full: 1 or 0.",
			state.room.full === undefined ? 0 : 1,
		),
		agent(
			"store_refused_writes",
			"counter",
			"Writes refused because the store was full.",
			state.room.refusals,
		),
		agent(
			"retention_waits",
			"gauge",
			"Whether retention waits because the clock was set ahead: 1 or 0.",
			state.retention.doubt === undefined ? 0 : 1,
		),
		agent(
			"collection_last_pass_timestamp_seconds",
			"gauge",
			"Start of the last pass of the metric plugins, seconds since 1970.",
			pass?.started_at,
		),
		agent(
			"collection_last_pass_age_seconds",
			"gauge",
			"Seconds since the start of the last pass of the metric plugins, by the monotonic clock.",
			pass?.age_seconds,
		),
		agent(
			"collection_last_pass_duration_seconds",
			"gauge",
			"Duration of the last pass of the metric plugins.",
			pass?.duration_seconds,
		),
		agent(
			"collection_last_pass_stored",
			"gauge",
			"Whether samples of the last pass were stored: 1 or 0.",
			pass && Number(pass.stored),
		),
		agent(
			"collection_last_pass_plugins",
			"gauge",
			"Metric plugins of the last pass by result.",
			pass ? passResults(pass) : [],
		),
		agent(
			"collected_metrics_dropped",
			"counter",
			"Collected values dropped because happo_collected_metric had no room.",
			collected.dropped,
		),
		agent(
			"certificate_expiry_timestamp_seconds",
			"gauge",
			"End of the certificate's validity, seconds since 1970.",
			state.certificate().not_after,
		),
		agent(
			"audit_lines",
			"counter",
			"Lines written to the audit log; absent if there is none.",
			audit?.written,
		),
		agent(
			"audit_lines_lost",
			"counter",
			"Lines that could not be written to the audit log; absent if there is none.",
			audit?.lost,
		),
		agent(
			"client_ca_expiry_timestamp_seconds",
			"gauge",
			"End of the validity of each CA in client-ca-file, seconds since 1970.",
			authorityExpiries(state),
		),
		agent(
			"client_crl_expiry_timestamp_seconds",
			"gauge",
			"Next update of each revocation list in client-crl-file, seconds since 1970; after that, no certificate of its issuer counts.",
			listExpiries(state),
		),
		agent(
			"policy_decisions",
			"counter",
			"Decisions of the policy by result; absent without a policy.",
			policy
				? Object.entries(policy.decisions).map(([decision, value]) => ({
						labels: { decision },
						value,
					}))
				: [],
		),
		agent(
			"policy_problem",
			"gauge",
			"Whether the present policy file cannot be used: 1 or 0; absent without a policy.",
			policy ? Number(policy.problem !== null) : undefined,
		),
		agent(
			"event_loop_delay_mean_seconds",
			"gauge",
			"Mean delay of a timer over the last minute.",
			loop.mean_delay_ms / 1000,
		),
		agent(
			"event_loop_delay_max_seconds",
			"gauge",
			"Maximum delay of a timer over the last minute.",
			loop.max_delay_ms / 1000,
		),
		agent(
			"clock_timestamp_seconds",
			"gauge",
			"The agent's clock, seconds since 1970.",
			state.now() / 1000,
		),
		family(
			"process_cpu_seconds",
			"counter",
			"CPU time of the agent, excluding its plugins.",
			usage.cpuSeconds,
		),
		family(
			"process_start_time_seconds",
			"gauge",
			"Start of the agent, seconds since 1970.",
			state.startedAt / 1000,
		),
		family(
			"process_resident_memory_bytes",
			"gauge",
			"Resident memory.",
			usage.residentBytes,
		),
		family(
			"process_open_fds",
			"gauge",
			"Open descriptors.",
			usage.openDescriptors,
		),
		family(
			"nodejs_heap_size_total_bytes",
			"gauge",
			"V8 heap, allocated memory.",
			usage.heapTotalBytes,
		),
		family(
			"nodejs_heap_size_used_bytes",
			"gauge",
			"V8 heap, memory in use.",
			usage.heapUsedBytes,
		),
		family(
			"nodejs_external_memory_bytes",
			"gauge",
			"Memory of buffers and other things outside the V8 heap.",
			usage.externalBytes,
		),
		family(
			"happo_collected_metric",
			"gauge",
			"Deprecated, replaced by a family for each metric. Latest value of each metric printed by a metric plugin in the last five minutes, or in the last two and a half collection intervals if that is longer.",
			collected.series(),
		),
		...checkFamilies(parts.checkResults),
	];
}

/** Open descriptors of this process; undefined if the system does not tell. */
async function openDescriptors(): Promise<number | undefined> {
	const names = await readdir("/proc/self/fd").catch(() => undefined);
	// minus the descriptor of readdir itself
	return names && names.length - 1;
}

/** Resource usage of this process, in seconds and bytes. */
async function processFigures() {
	const { user, system } = process.cpuUsage();
	const memory = process.memoryUsage();
	return {
		cpuSeconds: (user + system) / 1e6,
		residentBytes: memory.rss,
		heapTotalBytes: memory.heapTotal,
		heapUsedBytes: memory.heapUsed,
		externalBytes: memory.external,
		openDescriptors: await openDescriptors(),
	};
}
