import type { SettingTable } from "../../../src/setting-table.ts";
import { askBroker, BrokerUnreachable } from "../../broker/ask.ts";
import { type BrokerStatus, outcomes } from "../../broker/figures.ts";
import { defaultSocket, kinds, protocolVersion } from "../../broker/frame.ts";
import { createCommand, valuesOf } from "../command.ts";
import { outputSettings } from "../flags.ts";
import { jsonText, yamlText } from "../output/formats.ts";
import { table } from "../output/table.ts";
import type { Screen } from "../output/terminal.ts";

const settings = {
	broker: {
		kind: "text",
		default: defaultSocket,
		placeholder: "SOCKET",
		help: "socket of the broker",
	},
	...outputSettings(["table", "json", "yaml", "prometheus"]),
} as const satisfies SettingTable;

const timeoutMilliseconds = 5_000;

/** The status for people, one value a line. */
function statusTable(status: BrokerStatus, screen: Screen): string {
	const seconds = status.uptime_seconds;
	const rows: [string, string][] = [
		["version", status.version],
		["process", String(status.pid)],
		["uptime", `${seconds} s`],
		["clients", `${status.clients} of ${status.max_clients}`],
		["clients refused", String(status.clients_refused)],
		["checks in flight", String(status.checks_in_flight)],
		["agents and bastions", String(status.places)],
		...outcomes.map((outcome): [string, string] => [
			`checks ${outcome}`,
			String(status.checks[outcome]),
		]),
		["checks shared", String(status.checks_shared)],
		["checks of Nagios workers", String(status.checks_of_workers)],
		[
			"users",
			status.knows_users ? "known" : "unknown: the socket's mode decides",
		],
	];
	return table([{ title: "BROKER" }, { title: "VALUE" }], rows, screen);
}

export const brokerStatusCommand = createCommand({
	name: "broker status",
	help: {
		usage: "broker status [OPTION...]",
		summary: "show the state of a running broker",
		details:
			"Counts the checks since startup by their outcome: answered by the agent, failed (no answer), late (time limit reached), forbidden (by --hosts), elsewhere (the client had to run the check itself), busy (no place became free in time), gone (the client did not wait).",
		examples: [
			"broker status",
			"broker status --broker ./broker.sock -o json",
			"broker status -o prometheus",
		],
		settings,
	},
	async run({ flags, screen, during, write, say }) {
		const { broker, output } = valuesOf(settings, flags);
		const kind = output === "prometheus" ? kinds.metrics : kinds.status;
		try {
			const answer = await during(
				() => `waiting for ${broker}`,
				() =>
					askBroker(
						broker,
						{ kind, body: Buffer.alloc(0) },
						timeoutMilliseconds,
					),
			);
			const text = answer.body.toString("utf8");
			if (answer.version !== protocolVersion) {
				say(`${broker}: the broker has another version`);
				return 1;
			}
			if (answer.kind !== kinds.text) {
				say(
					`${broker}: ${answer.kind === kinds.result ? text.slice(1) : text}`,
				);
				return 1;
			}
			if (output === "prometheus") await write(text);
			else {
				const status = JSON.parse(text) as BrokerStatus;
				if (output === "json") await write(`${jsonText(status, 2)}\n`);
				else if (output === "yaml") await write(yamlText(status));
				else await write(statusTable(status, screen));
			}
			return 0;
		} catch (error) {
			if (!(error instanceof BrokerUnreachable)) throw error;
			say(error.message);
			return 1;
		}
	},
});
