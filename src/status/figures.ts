import type { Facts } from "../operation.ts";
import type { Series } from "../protocol/exposition.ts";

/**
 * Maximum number of plugins counted separately: a plugin directory such as /usr/local/bin may have
 * any number of files.
 */
const maxPlugins = 500;

/** A completed request, as far as it is counted. */
export interface CountedRequest {
	/** undefined: the contract has no such operation. */
	operationId?: string | undefined;
	/** undefined: the client left before the answer. */
	status?: number | undefined;
	facts: Readonly<Facts>;
}

/** Counts requests and checks since the start. */
export interface Figures {
	count(request: CountedRequest): void;
	/** With the labels `operation` and `status`. */
	requests(): Series[];
	/** Run time in seconds and number of runs, with the labels `plugin` and `result`. */
	checks(): Series[];
}

/** The result of a check in Nagios' terms. */
function resultOf({ exitStatus, timedOut }: CountedRequest["facts"]): string {
	if (timedOut) return "timeout";
	return ["ok", "warning", "critical"][exitStatus ?? 3] ?? "unknown";
}

/**
 * Counts by labels of bounded number: operations instead of paths, and plugins only if the file
 * exists.
 */
export function createFigures(): Figures {
	/** By operation, then by status. */
	const requests = new Map<string, Map<number | undefined, number>>();
	const checks = new Map<
		string,
		{ plugin: string; result: string; count: number; seconds: number }
	>();
	const plugins = new Set<string>();

	const countRequest = ({ operationId = "none", status }: CountedRequest) => {
		const statuses = requests.get(operationId) ?? new Map();
		if (statuses.size === 0) requests.set(operationId, statuses);
		statuses.set(status, (statuses.get(status) ?? 0) + 1);
	};

	const countCheck = (facts: CountedRequest["facts"]) => {
		const { plugin = "", pluginFound, ranMilliseconds } = facts;
		if (!pluginFound || ranMilliseconds === undefined) return;
		if (plugins.size < maxPlugins) plugins.add(plugin);
		const labels = {
			plugin: plugins.has(plugin) ? plugin : "other",
			result: resultOf(facts),
		};
		const key = `${labels.plugin} ${labels.result}`;
		const entry = checks.get(key) ?? { ...labels, count: 0, seconds: 0 };
		entry.count++;
		entry.seconds += ranMilliseconds / 1000;
		checks.set(key, entry);
	};

	return {
		count: (request) => {
			countRequest(request);
			countCheck(request.facts);
		},
		requests: () =>
			[...requests].flatMap(([operation, statuses]) =>
				[...statuses].map(([status, count]) => ({
					labels: { operation, status: String(status ?? "none") },
					value: count,
				})),
			),
		checks: () =>
			[...checks.values()].flatMap(({ plugin, result, count, seconds }) => {
				const labels = { plugin, result };
				return [
					{ labels, part: "sum", value: seconds },
					{ labels, part: "count", value: count },
				] satisfies Series[];
			}),
	};
}
