import type { Handlers } from "../../generated/handlers.ts";
import type { components } from "../../generated/schema.ts";
import { type ListedResult, stateOf } from "../status/check-results.ts";

type Listed = components["schemas"]["ResultList"]["results"][number];

const resultOf = (result: ListedResult): Listed => ({
	check: result.check,
	plugin: result.plugin,
	state: stateOf(result),
	exit_status: result.exitStatus ?? null,
	timed_out: result.timedOut,
	ended_at: Math.floor(result.endedAt / 1000),
	duration_seconds: result.durationSeconds,
	cpu_seconds: result.cpuSeconds ?? null,
	max_rss_bytes: result.maxRssBytes ?? null,
	output: result.output ?? null,
	asked_by: {
		who: [...(result.askedBy?.who ?? [])],
		address: result.askedBy?.address ?? null,
		unproved_hops: result.askedBy?.unprovedHops ?? 0,
	},
	variants: result.variants,
});

/** Bytes of a result without its output, at most. */
const otherBytes = 1024;

/** POST /results: the last result of each check. */
export const createResultList =
	(results: () => readonly ListedResult[]): Handlers["listResults"] =>
	async (_params, _body, call) => {
		const found = results();
		await call.reserve(
			found.reduce(
				(sum, { output = "" }) => sum + 2 * output.length + otherBytes,
				0,
			),
		);
		const listed = found.map(resultOf);
		listed.sort((a, b) => (a.check < b.check ? -1 : 1));
		return { status: 200, body: { results: listed } };
	};
