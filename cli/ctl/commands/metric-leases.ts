import type { SettingTable } from "../../../src/setting-table.ts";
import { createAgentCommand } from "../agent-command.ts";
import type { HostMessage } from "../output/host-messages.ts";
import { durationText, timeText } from "../output/quantity.ts";
import { report } from "../output/report.ts";
import { type Column, table } from "../output/table.ts";
import { answered, dataOf } from "../target/answer.ts";

const leasesSettings = {
	end: {
		kind: "list",
		default: [],
		placeholder: "BATCH,...",
		help: "end the leases of these batches; can be repeated",
	},
} as const satisfies SettingTable;

const columns: readonly Column[] = [
	{ title: "HOST" },
	{ title: "BATCH" },
	{ title: "CONSUMER", cut: "middle" },
	{ title: "GRANTED", align: "right", leaves: 2 },
	{ title: "LEFT", align: "right", leaves: 4 },
	{ title: "ENTRIES", align: "right", leaves: 3 },
	{ title: "OLDEST", leaves: 1 },
];

export const metricLeasesCommand = createAgentCommand({
	name: "metric leases",
	summary: "list leased batches of metrics, or end leases",
	details:
		"Lists the batches that consumers have leased and not acknowledged yet (/metric/leases). LEFT is the remaining time of a lease; when it has ended, the batch can be leased again. --end ends leases at once (/metric/release): the metrics stay stored and can be leased again. With several agents, each is asked to end the leases, and the exit status is 1 if none of them has one of the batches. v1 (Go) has no leases.",
	examples: [
		"metric leases -H web01",
		"metric leases -H web01 --via bastion1 -o json",
		"metric leases -H web01 --end 5f2b8a90c1d34e6f7a8b9c0d",
	],
	settings: leasesSettings,
	formats: ["table", "json", "yaml"],
	async run(call) {
		const batches = call.settings.end;
		const ended = new Set<string>();
		const said: HostMessage[] = [];
		const answers = await call.ask(async (client, { name: host }) => {
			for (const batch_id of batches) {
				const { released } = await dataOf(
					client.POST("/metric/release", { body: { batch_id } }),
					"/metric/release",
				);
				if (!released) continue;
				ended.add(batch_id);
				said.push({
					host,
					message: `the lease of batch ${batch_id} has ended`,
				});
			}
			const { leases } = await dataOf(
				client.GET("/metric/leases"),
				"/metric/leases",
			);
			return leases;
		});
		call.sayAbout(said);
		// a batch is leased from one agent, so it is missing on the others
		const missing = batches.filter((batch) => !ended.has(batch));
		for (const batch of missing)
			call.say(`no agent has a lease of batch ${batch}`);
		if (call.output === "table")
			call.sayAbout(
				answered(answers)
					.filter(({ data }) => data.length === 0)
					.map(({ host }) => ({ host, message: "no leases" })),
			);
		const status = await report(call, answers, {
			table: (agents) =>
				table(
					columns,
					agents.flatMap(({ host, data }) =>
						data.map((lease) => [
							{ text: host, colour: "cyan" as const },
							lease.batch_id,
							lease.consumer,
							durationText(lease.seconds),
							lease.seconds_left > 0
								? durationText(lease.seconds_left)
								: "ended",
							String(lease.entries),
							timeText(lease.oldest_timestamp),
						]),
					),
					call.screen,
				),
		});
		return missing.length > 0 ? 1 : status;
	},
});
