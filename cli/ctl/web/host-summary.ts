import type { components } from "../../../generated/web-schema.ts";
import type {
	AgentClient,
	components as AgentComponents,
} from "../../../src/client/index.ts";
import { outputLine } from "../../../src/protocol/perfdata.ts";
import { statusProblems } from "../commands/status-problems.ts";
import { safeLine } from "../output/terminal.ts";
import { dataOf, HostFailure } from "../target/answer.ts";
import { isRefused } from "./part.ts";

type Host = components["schemas"]["Host"];
type Result = AgentComponents["schemas"]["ResultList"]["results"][number];

/** What the list shows about a host that has answered. */
export interface HostSummary {
	row: Pick<Host, "state" | "problem" | "problems" | "version">;
	/** The agent has no results for this caller: it refuses them, or is too old to have them. */
	hasNoResults: boolean;
}

interface Problem {
	state: "critical" | "unknown" | "warning";
	text: string;
}

/** From worst to best. */
const severity: readonly Problem["state"][] = [
	"critical",
	"unknown",
	"warning",
];

const stateOf: Readonly<Record<Result["state"], Problem["state"] | undefined>> =
	{
		OK: undefined,
		WARNING: "warning",
		CRITICAL: "critical",
		UNKNOWN: "unknown",
	};

/** Longer lines of plugins are cut in the list. */
const maxCharacters = 300;

function problemOf({ check, state, output }: Result): Problem[] {
	const worse = stateOf[state];
	const text = outputLine(output ?? "") || state;
	return worse ? [{ state: worse, text: `${check}: ${text}` }] : [];
}

/** The last results of the checks; undefined if this caller cannot have them. */
async function resultsOf(client: AgentClient, signal: AbortSignal) {
	try {
		return await dataOf(client.POST("/results", { signal }), "/results");
	} catch (error) {
		if (error instanceof HostFailure && isRefused(error.failure))
			return undefined;
		throw error;
	}
}

/**
 * Asks a host for its state: the results of its checks, and its own problems.
 * @param asksResults false for a host that has none for this caller: each request would be a
 * refusal in its audit log
 * @throws HostFailure
 */
export async function askSummary(
	client: AgentClient,
	signal: AbortSignal,
	asksResults: boolean,
): Promise<HostSummary> {
	const before = Date.now() / 1000;
	const status = await dataOf(client.GET("/status", { signal }), "/status");
	const asked = { before, after: Date.now() / 1000 };
	const results = asksResults ? await resultsOf(client, signal) : undefined;
	const problems = [
		...(results?.results ?? []).flatMap(problemOf),
		...statusProblems(status, asked).map((text) => ({
			...{ state: "warning" as const, text },
		})),
	].sort((a, b) => severity.indexOf(a.state) - severity.indexOf(b.state));
	const [worst] = problems;
	return {
		row: {
			state: worst?.state ?? "ok",
			problem: safeLine(worst?.text ?? "").slice(0, maxCharacters),
			problems: problems.length,
			version: status.app_version,
		},
		hasNoResults: asksResults && !results,
	};
}
