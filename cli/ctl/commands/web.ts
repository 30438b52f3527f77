import type { SettingTable } from "../../../src/setting-table.ts";
import { createAgentCommand } from "../agent-command.ts";
import { untilInterrupted } from "./follow.ts";

const webSettings = {
	port: {
		kind: "integer",
		default: 0,
		minimum: 0,
		maximum: 65_535,
		help: "port of 127.0.0.1 to serve the page on; 0 takes a free one",
	},
	open: {
		kind: "switch",
		default: true,
		help: "open the page in a browser, if standard error is a terminal and there is a display",
		helpOff: "print the link and open no browser",
	},
} as const satisfies SettingTable;

export const webCommand = createAgentCommand({
	name: "web",
	summary: "show agents on a web page of this machine",
	details:
		"Serves a page on 127.0.0.1 and opens it in a browser, or prints its link. The page shows the hosts, worst first, and for one host its health, checks, metrics, refusals, machine states and relay; checks can be run by hand and copied for check_happo, Nagios and Icinga. Agents serve nothing for it: they are asked as by every other command, and only while the page is open.\nThe link works once and for five minutes; Enter prints another. Runs until Ctrl-C or SIGTERM.",
	examples: [
		"web -H web01,web02 --ca-file /etc/happo/ca.pem",
		"web --group WEB --endpoint https://management.example.net",
		"web -H 192.0.2.7 --via bastion1 --port 8080 --no-open",
	],
	settings: webSettings,
	async run(call) {
		const { settings, targets, reach, stderr, say } = call;
		// loads what serves web pages only for this command
		const { askedFor, pageDirectory, serveWeb, WebError } = await import(
			"../web/run.ts"
		);
		const isTerminal = Boolean((stderr as { isTTY?: boolean }).isTTY);
		try {
			await untilInterrupted((signal) =>
				serveWeb(
					call,
					{
						...{ port: settings.port, opens: settings.open && isTerminal },
						directory: pageDirectory,
						asked: askedFor(targets, reach),
					},
					signal,
				),
			);
			return 0;
		} catch (error) {
			if (!(error instanceof WebError)) throw error;
			say(error.message);
			return 1;
		}
	},
});
