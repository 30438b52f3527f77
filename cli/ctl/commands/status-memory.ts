import { createAgentCommand } from "../agent-command.ts";
import { bytesText, durationText } from "../output/quantity.ts";
import { report } from "../output/report.ts";
import { type Column, dash, table } from "../output/table.ts";
import { dataOf } from "../target/answer.ts";

const columns: readonly Column[] = [
	{ title: "HOST" },
	{ title: "RESIDENT", align: "right" },
	{ title: "HEAP", align: "right", leaves: 5 },
	{ title: "IN USE", align: "right", leaves: 6 },
	{ title: "LIMIT", align: "right", leaves: 3 },
	{ title: "GC RUNS", align: "right", leaves: 2 },
	{ title: "GC TIME", align: "right", leaves: 4 },
	{ title: "LAST GC", align: "right", leaves: 1 },
];

export const statusMemoryCommand = createAgentCommand({
	name: "status memory",
	summary: "show how much memory agents use",
	details:
		"RESIDENT is the memory of the process. HEAP is the size of V8's heap, IN USE the used part of it, and LIMIT its maximum; with v1 (Go), HEAP and IN USE are those of Go's heap. GC RUNS counts garbage collections since startup, GC TIME is their total duration, and LAST GC says when the last one was. The other output formats have all figures.",
	examples: [
		"status memory",
		"status memory -H web01,web02",
		"status memory -H web01 -o json",
	],
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
