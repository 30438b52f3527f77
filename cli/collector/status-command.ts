import { AgentUnreachable } from "../../src/client/index.ts";
import { createManagementFetch } from "../../src/client/management-client.ts";
import { listenPlace } from "../../src/page-server.ts";
import { hopText } from "../../src/protocol/hop.ts";
import { isRecord } from "../../src/protocol/reason.ts";
import type { SettingTable } from "../../src/setting-table.ts";
import { createCommand, valuesOf } from "../ctl/command.ts";
import { outputSettings } from "../ctl/flags.ts";
import { jsonText, yamlText } from "../ctl/output/formats.ts";
import { table } from "../ctl/output/table.ts";
import type { Screen } from "../ctl/output/terminal.ts";
import { failureReasons } from "./agent-calls.ts";
import type { CollectorStatus } from "./figures.ts";
import { listenSetting } from "./listen.ts";

const settings = {
	listen: listenSetting("where the collector serves its status"),
	...outputSettings(["table", "json", "yaml", "prometheus"]),
} as const satisfies SettingTable;

const timeoutMilliseconds = 5_000;

/** The status for people. */
function statusTables(status: CollectorStatus, screen: Screen): string {
	const { hosts, passes } = status;
	const rows: [string, string][] = [
		["version", status.version],
		["process", String(status.pid)],
		["uptime", `${status.uptime_seconds} s`],
		["interval", `${status.interval_seconds} s`],
		["shard", status.shard],
		["hosts", String(hosts.all)],
		["hosts answering", String(hosts.answering)],
		["hosts not asked yet", String(hosts.new)],
		...failureReasons
			.filter((reason) => hosts.failing[reason] > 0)
			.map((reason): [string, string] => [
				`hosts failing: ${reason}`,
				String(hosts.failing[reason]),
			]),
		["entries left out", String(hosts.left_out)],
		["list of hosts", hosts.problem ?? "read"],
		["passes", String(passes.succeeded)],
		["passes late", String(passes.late)],
		["passes running", `${passes.running}, ${passes.waiting} waiting`],
	];
	const targets = status.targets.map((target) => [
		target.consumer,
		target.url,
		target.promise ?? "no answer yet",
		String(target.samples_written),
		String(target.samples_waiting),
		String(target.samples_quarantined),
		`${target.oldest_unacknowledged_seconds} s`,
	]);
	const failing = status.failing.map(({ host, message, seconds }) => [
		host,
		`${seconds} s`,
		message,
	]);
	return [
		table([{ title: "COLLECTOR" }, { title: "VALUE" }], rows, screen),
		table(
			[
				{ title: "CONSUMER" },
				{ title: "STORE", cut: "middle" },
				{ title: "PROMISE", leaves: 1 },
				{ title: "WRITTEN", align: "right", leaves: 2 },
				{ title: "WAITING", align: "right", leaves: 4 },
				{ title: "QUARANTINED", align: "right", leaves: 3 },
				{ title: "UNACKNOWLEDGED", align: "right", leaves: 5 },
			],
			targets,
			screen,
		),
		...(failing.length > 0
			? [
					table(
						[{ title: "FAILING" }, { title: "FOR" }, { title: "REASON" }],
						failing,
						screen,
					),
				]
			: []),
	].join("\n");
}

/** Asks for one page. Throws AgentUnreachable. */
async function pageOf(place: string, path: string): Promise<string> {
	const { fetch, baseUrl, close } = createManagementFetch({
		endpoint: `http://${place}`,
		timeoutMilliseconds,
	});
	try {
		const answer = await fetch(new Request(`${baseUrl}${path}`));
		if (answer.status !== 200)
			throw new AgentUnreachable(
				`${place}: not a collector: status ${answer.status}`,
			);
		return await answer.text();
	} finally {
		close();
	}
}

/** Throws AgentUnreachable if the text is not a collector's status. */
function parseStatus(text: string, place: string): CollectorStatus {
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch {}
	if (!isRecord(value) || !isRecord(value.hosts) || !isRecord(value.passes))
		throw new AgentUnreachable(`${place}: not a collector`);
	return value as unknown as CollectorStatus;
}

export const statusCommand = createCommand(
	{
		name: "status",
		help: {
			usage: "status [OPTION...]",
			summary: "show the state of a running collector",
			details:
				"Names the hosts that fail, the longest first, at most 100 of them. The exit status is 1 if the collector does not answer.",
			examples: ["status", "status --listen 127.0.0.1:6780 -o json"],
			settings,
		},
		async run({ flags, screen, write, say }) {
			const { listen, output } = valuesOf(settings, flags);
			const hop = listenPlace(listen);
			const place = hop ? hopText(hop) : listen;
			try {
				if (output === "prometheus") {
					await write(await pageOf(place, "/metrics"));
					return 0;
				}
				const status = parseStatus(await pageOf(place, "/status"), place);
				if (output === "json") await write(`${jsonText(status, 2)}\n`);
				else if (output === "yaml") await write(yamlText(status));
				else await write(statusTables(status, screen));
				return 0;
			} catch (error) {
				if (!(error instanceof AgentUnreachable)) throw error;
				say(error.message);
				return 1;
			}
		},
	},
	"happo-collector",
);
