import { createAgentCommand } from "../agent-command.ts";
import { bytesText, durationText } from "../output/quantity.ts";
import { report } from "../output/report.ts";
import { type Column, dash, table } from "../output/table.ts";
import { dataOf } from "../target/answer.ts";

const columns: readonly Column[] = [
	{ title: "HOST" },
	{ title: "RESIDENT", align: "right" },
	{ title: "HEAP", align: "right" },
	{ title: "IN USE", align: "right" },
	{ title: "LIMIT", align: "right" },
	{ title: "COLLECTIONS", align: "right" },
	{ title: "IN THEM", align: "right" },
	{ title: "LAST", align: "right" },
];

export const statusMemoryCommand = createAgentCommand({
	name: "status memory",
	summary: "show how much memory agents use",
	details:
		"RESIDENT is what the process has of the machine's memory, HEAP what V8 has for its heap (of an agent of the original: Go's), IN USE what of it is used. COLLECTIONS are those of garbage since the start, IN THEM the time they took. The other output formats have every figure.",
	examples: ["status memory -H web01", "status memory -H web01 -o json"],
	settings: {},
	formats: ["table", "json", "yaml"],
	async run(call) {
		const answers = await call.ask((client) =>
			dataOf(client.GET("/status/memory"), "/status/memory"),
		);
		const now = Date.now() / 1000;
		return report(call, answers, {
			table: (agents) =>
				table(
					columns,
					agents.map(({ host, data }) => [
						{ text: host, colour: "cyan" },
						bytesText(data.Sys),
						bytesText(data.HeapSys ?? 0),
						bytesText(data.HeapAlloc),
						data.node ? bytesText(data.node.heapSizeLimit ?? 0) : dash,
						String(data.NumGC),
						`${((data.PauseTotalNs ?? 0) / 1e6).toFixed(0)} ms`,
						(data.LastGC ?? 0) > 0
							? `${durationText(now - (data.LastGC ?? 0) / 1e9)} ago`
							: dash,
					]),
					call.screen,
				),
		});
	},
});
