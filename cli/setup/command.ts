import { realpathSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { resolveSettings, type SettingTable } from "../../src/setting-table.ts";
import { screenOf } from "../ctl/output/terminal.ts";
import { UsageError } from "../program/arguments.ts";
import { defineCommand } from "../program/command.ts";
import { takeEnvironment } from "../wiped-variables.ts";

const setupSettings = {
	from: {
		kind: "text",
		default: "",
		placeholder: "nrpe|v1",
		help: "what this machine has now: NRPE, or happo-agent 1.x (Go)",
		check: (text) =>
			/^(nrpe|v1)?$/.test(text)
				? undefined
				: `must be one of nrpe, v1: ${text}`,
	},
	yes: {
		kind: "switch",
		default: false,
		help: "change the machine; without it, setup only shows what it would do",
	},
	back: {
		kind: "switch",
		default: false,
		help: "undo the last setup",
	},
	force: {
		kind: "switch",
		default: false,
		help: "with --back: also replace files that were changed since the setup, which are kept; and if the store of the agent cannot be read, return to the copy of v1's database",
	},
	"accept-losses": {
		kind: "switch",
		default: false,
		help: "also set up if some checks of NRPE will not be answered as before; setup names them",
	},
	"nrpe-config": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "configuration of NRPE; by default that of its unit, otherwise /etc/nagios/nrpe.cfg",
	},
	unit: {
		kind: "text",
		default: "",
		placeholder: "UNIT",
		help: "systemd unit of what this machine has now; by default setup looks for it",
	},
	// not env-file: Node.js reads NODE_OPTIONS of that file itself, wherever the option stands
	"environment-file": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "environment file of v1; by default that of its unit or job",
	},
	root: {
		kind: "text",
		default: "",
		placeholder: "DIRECTORY",
		help: "directory with the files of another machine or an image; services are not touched",
	},
	output: {
		kind: "choice",
		short: "o",
		default: "text",
		choices: { text: "text", json: "json" },
		placeholder: "text|json",
		help: "text for people, or JSON for programs",
	},
} as const satisfies SettingTable;

/** A signal that is aborted when somebody wants to end this process, which may not simply end. */
function watchSignals() {
	const controller = new AbortController();
	const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
	const abort = () => controller.abort();
	for (const name of names) process.on(name, abort);
	return {
		signal: controller.signal,
		end: () => {
			for (const name of names) process.off(name, abort);
		},
	};
}

/** The directory of `--root`, in its real place; empty for this machine. */
function rootOf(text: string): string {
	if (text === "") return "";
	if (!isAbsolute(text)) throw new UsageError(`--root: not absolute: ${text}`);
	try {
		const root = realpathSync(resolve(text));
		return root === "/" ? "" : root;
	} catch {
		throw new UsageError(`--root: no such directory: ${text}`);
	}
}

export const setupCommand = defineCommand(
	{
		name: "setup",
		help: {
			usage: "setup --from nrpe|v1 [OPTION...]",
			summary: "take the place of NRPE or of happo-agent 1.x",
			details:
				"Run it as root. It looks for NRPE or v1 (Go) on this machine, reads their configuration with the agent's own code and shows everything it would do: each file with its changes, and each service. With --yes it does it: it keeps what it replaces in /var/lib/happo-setup, stops the old service, starts this agent and verifies that it answers. If a step fails or is interrupted, it goes back. If it is killed, the next call goes back first.\n--back undoes the last setup: contents, modes and owners of files, and services. It refuses if a file was changed since. After v1 it gives v1 a database with all metrics that nobody has taken, also those that came in since.\nWithout systemd it writes the files, and says what to do by hand.\nExit status: 0 if it is done or there is nothing to do; 1 if a step failed and the machine is as before; 2 for an invalid command line; 3 if it was only shown; 4 if something must be changed first, and nothing was done; 5 if going back failed, too.",
			examples: ["setup --from nrpe", "setup --from v1 --yes", "setup --back"],
			settings: setupSettings,
		},
	},
	async ({ flags, context }) => {
		const settings = resolveSettings(setupSettings, flags, {});
		const { environment } = takeEnvironment(context.env);
		const { from, back } = settings;
		if (back && from !== "")
			throw new UsageError("--back: undoes the last setup, without --from");
		if (!back && from === "")
			throw new UsageError("--from is missing: nrpe or v1 (or --back)");
		if (settings.force && !back)
			throw new UsageError("--force: only with --back");
		const root = rootOf(settings.root);
		// loads parts of the agent, which no other command needs
		const { goBackToBefore, setUp, withMachine } = await import("./run.ts");
		const { reportJson, reportText, results } = await import("./report.ts");
		const { signal, end } = watchSignals();
		try {
			const report = await withMachine({ root, environment }, (machine) =>
				back
					? goBackToBefore(machine, { isForced: settings.force })
					: setUp(
							machine,
							{
								from: from as "nrpe" | "v1",
								isMeant: settings.yes,
								unit: settings.unit,
								environmentFile: settings["environment-file"],
								nrpeConfig: settings["nrpe-config"],
								acceptsLosses: settings["accept-losses"],
							},
							signal,
						),
			);
			context.stdout.write(
				settings.output === "json"
					? reportJson(report)
					: reportText(report, screenOf(context.stdout, environment)),
			);
			return results[report.result];
		} finally {
			end();
		}
	},
);
