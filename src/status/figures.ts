import type { Answered } from "../answered.ts";
import type { Series } from "./exposition.ts";

/** There is no end of files in a plugin directory such as /usr/local/bin. */
const mostPlugins = 500;

/** What is counted of requests and checks since the start. */
export interface Figures {
	count(answered: Answered): void;
	/** Labels `operation` and `status`. */
	requests(): Series[];
	/** Labels `plugin` and `result`; seconds, and how many. */
	checks(): Series[];
}

/** How a check ended, in the words of Nagios. */
function resultOf({ exitStatus, timedOut }: Answered["facts"]): string {
	if (timedOut) return "timeout";
	return ["ok", "warning", "critical"][exitStatus ?? 3] ?? "unknown";
}

/**
 * Counts by labels of which there is a known number: operations, not paths, and
 * plugins only where there is such a file.
 */
export function createFigures(): Figures {
	const requests = new Map<
		string,
		{ operation: string; status: string; count: number }
	>();
	const checks = new Map<
		string,
		{ plugin: string; result: string; count: number; seconds: number }
	>();
	const plugins = new Set<string>();

	const countRequest = ({ operationId, status }: Answered) => {
		const labels = {
			operation: operationId ?? "none",
			status: String(status ?? "none"),
		};
		const key = `${labels.operation} ${labels.status}`;
		const entry = requests.get(key) ?? { ...labels, count: 0 };
		entry.count++;
		requests.set(key, entry);
	};

	const countCheck = (facts: Answered["facts"]) => {
		const { plugin = "", pluginFound, ranMilliseconds } = facts;
		if (!pluginFound || ranMilliseconds === undefined) return;
		if (plugins.size < mostPlugins) plugins.add(plugin);
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
		count: (answered) => {
			countRequest(answered);
			countCheck(answered.facts);
		},
		requests: () =>
			[...requests.values()].map(({ operation, status, count }) => ({
				labels: { operation, status },
				value: count,
			})),
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
