import { type components, problemType } from "../../../src/client/index.ts";
import { createAgentCommand } from "../agent-command.ts";
import { report } from "../output/report.ts";
import { type Cell, type Column, table } from "../output/table.ts";
import { dataOf, HostFailure } from "../target/answer.ts";

type RequestStatus = components["schemas"]["RequestStatus"];
type Counts = components["schemas"]["RequestCounts"];

const columns: readonly Column[] = [
	{ title: "HOST" },
	{ title: "PATH", cut: "middle" },
	{ title: "STATUS", align: "right" },
	{ title: "LAST MINUTE", align: "right" },
	{ title: "LAST 5 MINUTES", align: "right" },
];

const countOf = (counts: Counts, url: string, status: string) =>
	counts?.find((entry) => entry.url === url)?.counts[status] ?? 0;

function rows(host: string, { last1, last5 }: RequestStatus): Cell[][] {
	return (last5 ?? []).flatMap(({ url, counts }) =>
		Object.entries(counts).map(([status, count]) => [
			{ text: host, colour: "cyan" as const },
			url,
			{
				text: status,
				colour: Number(status) >= 500 ? ("red" as const) : undefined,
			},
			String(countOf(last1, url, status)),
			String(count),
		]),
	);
}

export const statusRequestCommand = createAgentCommand({
	name: "status request",
	summary: "show how many requests agents have answered",
	details:
		"Counts by path and status. Agents count only if enable-requeststatus-middleware is set.",
	examples: [
		"status request",
		"status request -H web01,web02",
		"status request -H web01 -o yaml",
	],
	settings: {},
	formats: ["table", "json", "yaml"],
	async run(call) {
		const answers = await call.ask(async (client) => {
			const asked = client.GET("/status/request");
			const { error, response } = await asked;
			// v1 sends no type
			const type = problemType(error) ?? "urn:happo:problem:turned-off";
			if (response.status === 404 && type === "urn:happo:problem:turned-off")
				throw new HostFailure({
					reason: "refused",
					status: 404,
					message:
						"it does not count requests (404): its enable-requeststatus-middleware is not set",
				});
			return dataOf(asked, "/status/request");
		});
		return report(call, answers, {
			table: (agents) =>
				table(
					columns,
					agents.flatMap(({ host, data }) => rows(host, data)),
					call.screen,
				),
		});
	},
});
