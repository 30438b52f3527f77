import { fileURLToPath } from "node:url";
import { daemonSettings } from "../src/settings.ts";
import { type Running, watchProcess } from "./lifecycle.ts";
import { settingsCommand } from "./settings-command.ts";

/** The plugins that the package ships; the built program lies in dist, beside contrib. */
const ownPlugins = fileURLToPath(
	new URL("../contrib/plugins", import.meta.url),
);

/** The search paths end with the package's own plugins, unless the operator names the paths. */
const pluginPaths = {
	"nagios-plugin-paths": [
		...daemonSettings["nagios-plugin-paths"].default,
		ownPlugins,
	],
	"sensu-plugin-paths": [
		...daemonSettings["sensu-plugin-paths"].default,
		ownPlugins,
	],
};

export const daemonCommand = settingsCommand({
	name: "daemon",
	async run(given, invocation) {
		// before anything says that the agent runs, a signal has to be obeyed
		const running: Running = {};
		const watch = watchProcess(running, invocation.complain);
		const { runDaemon } = await import("./run-daemon.ts");
		const parts = { running, watch, ownPlugins, pluginPaths };
		return runDaemon(given, invocation, parts);
	},
	defaults: pluginPaths,
	help: {
		usage: "daemon [OPTION...]",
		summary: "run the agent",
		details:
			"Answers HTTPS requests until SIGTERM or SIGINT. Every option can be given as an environment variable too: HAPPO_AGENT_ and its name in capitals, with underscores (HAPPO_AGENT_PORT). A flag wins over the variable, the variable over the default; an empty variable counts as not set. The passphrase of an encrypted key is taken from HAPPO_AGENT_PRIVATE_KEY_PASSPHRASE only.",
		examples: [
			"daemon --quick-start ./data",
			"daemon -A 192.0.2.0/24 -B agent.pub -R agent.key -l -",
		],
		settings: daemonSettings,
	},
});
