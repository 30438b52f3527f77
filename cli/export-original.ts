import { daemonSettings } from "../src/settings.ts";
import { counted } from "./message-text.ts";
import { settingsCommand } from "./settings-command.ts";

const exportSettings = {
	dbfile: {
		...daemonSettings.dbfile,
		help: "the agent's store: the same path as in the daemon's setting",
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
				`${counted(done.samples, "sample")} from ${counted(done.seconds, "second")} and ${counted(done.machineStates, "machine state")} written to ${target}\n`,
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
			'Use it to return to v1 (Go). It writes a new database with the machine states and with the metrics that the consumer "default" has not taken yet. Stop the agent first. The store stays as it is, so you can still decide to keep this version. A temporary copy of the store next to DIRECTORY needs as much disk space again.\nExit status: 0 if everything was written; 1 if the export failed or some values could not be read; 2 for an invalid argument.',
		examples: [
			"export-original --dbfile /var/lib/happo-agent/happo-agent.db /var/lib/happo-agent/original.db",
		],
		settings: exportSettings,
	},
});
