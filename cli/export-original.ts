import { daemonSettings } from "../src/settings.ts";
import { counted } from "./message-text.ts";
import { settingsCommand } from "./settings-command.ts";

const exportSettings = {
	dbfile: {
		...daemonSettings.dbfile,
		help: "the agent's store, as it was set",
	},
} as const;

export const exportOriginalCommand = settingsCommand({
	name: "export-original",
	operands: { minimum: 1, maximum: 1, name: "DIRECTORY" },
	async run({ dbfile }, { operands, stdout, complain }) {
		const [target = ""] = operands;
		const { exportOriginal, ExportError } = await import(
			"../src/store/original-export.ts"
		);
		try {
			const done = await exportOriginal({
				source: dbfile,
				target,
				log: { info: () => {}, warning: complain, error: complain },
			});
			stdout.write(
				`${counted(done.samples, "sample")} of ${counted(done.seconds, "second")} and ${counted(done.machineStates, "machine state")} written to ${target}\n`,
			);
			if (done.unreadable === 0) return 0;
			complain(`${counted(done.unreadable, "value")} could not be read`);
		} catch (error) {
			if (!(error instanceof ExportError)) throw error;
			complain(error.message);
		}
		return 1;
	},
	help: {
		usage: "export-original DIRECTORY [OPTION...]",
		summary: "write the store as a database of happo-agent 1.1.0",
		details:
			"The way back to the agent in Go: a new database with the metrics that the consumer default has not taken, and the machine states. The agent must be stopped. Its store is not changed, so nothing is lost if you stay; a copy beside DIRECTORY needs as much room for a while.\nExit status: 0 done; 1 not, or some values could not be read; 2 a wrong argument.",
		examples: [
			"export-original --dbfile /var/lib/happo-agent/happo-agent.db /var/lib/happo-agent/original.db",
		],
		settings: exportSettings,
	},
});
