import type { SettingTable } from "../../../src/setting-table.ts";
import { createCommand, valuesOf } from "../command.ts";
import { outputSettings } from "../flags.ts";
import { barText } from "../output/progress.ts";

const doctorSettings = {
	"environment-file": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "environment file of the agent; by default that of its unit, otherwise /etc/default/happo-agent.env",
	},
	"admin-socket": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "admin socket of the agent (HAPPO_CTL_ADMIN_SOCKET); by default what the settings say; none means not to ask the agent there",
	},
	unit: {
		kind: "text",
		default: "happo-agent.service",
		placeholder: "UNIT",
		help: "systemd unit of the agent, or the path of a unit file",
	},
	"drop-in": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "drop-in for the unit to try commands with, before it is used; by default the hardening.conf of the package, if the unit does not have it yet",
	},
	user: {
		kind: "text",
		default: "",
		placeholder: "USER",
		help: "user that the agent runs as; by default that of its process or its unit",
	},
	commands: {
		kind: "switch",
		default: true,
		help: "run the commands of the policy",
		helpOff: "do not run the commands of the policy",
	},
	inventory: {
		kind: "switch",
		default: false,
		help: "also run those commands of the policy that are for inventories",
	},
	"timeout-seconds": {
		kind: "integer",
		default: 10,
		minimum: 1,
		maximum: 3600,
		help: "seconds to wait for the answer of the agent",
	},
	...outputSettings(["table", "json"]),
} as const satisfies SettingTable;

export const doctorCommand = createCommand({
	name: "doctor",
	help: {
		usage: "doctor [OPTION...]",
		summary: "examine the agent of this host and say what is wrong",
		details:
			"Run it as root on the host of the agent, whether the agent runs or not. It reads the settings from the running agent, otherwise from its environment file, and examines owners and modes of files, the port, Node.js, the clock, the certificate, the store, metrics.yaml, the policy and the plugins of both. It changes nothing.\nIt runs the commands of the policy as the agent's user: outside of the unit, with the restrictions of the unit, and with a drop-in that hardens it, and names those that would break. Only commands run whose slots have defaults or may be empty; it names the others. For restrictions, systemd must run here.\nThe exit status is 0 if nothing is wrong, 1 if there are problems, 2 if the command line is invalid, 3 if there are no problems but something could not be found out. Notes do not change it.",
		examples: [
			"doctor",
			"doctor --no-commands -o json",
			"doctor --drop-in hardening.conf",
		],
		settings: doctorSettings,
	},
	async run({ flags, environment, during, screen, write }) {
		const settings = valuesOf(doctorSettings, flags);
		// loads parts of the agent, which no other command needs
		const { examine, exitStatus, reportJson, reportText } = await import(
			"../doctor/examination.ts"
		);
		let doing = () => "examining this host";
		const report = await during(
			() => doing(),
			() =>
				examine(
					{
						environmentFile: settings["environment-file"],
						adminSocket:
							settings["admin-socket"] ||
							(environment.HAPPO_CTL_ADMIN_SOCKET ?? ""),
						unit: settings.unit,
						dropIn: settings["drop-in"],
						user: settings.user,
						triesCommands: settings.commands,
						triesInventory: settings.inventory,
						timeoutMilliseconds: settings["timeout-seconds"] * 1000,
					},
					environment,
					(total) => {
						let done = 0;
						doing = () => `${barText(done, total)} commands of the policy`;
						return () => done++;
					},
				),
		);
		await write(
			settings.output === "json"
				? reportJson(report)
				: reportText(report, screen),
		);
		return exitStatus(report);
	},
});
