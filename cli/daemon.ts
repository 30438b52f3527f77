import { daemonSettings } from "../src/settings.ts";
import { ownPlugins, pluginPaths } from "./daemon-defaults.ts";
import { type Running, watchProcess } from "./lifecycle.ts";
import { settingsCommand } from "./settings-command.ts";

export const daemonCommand = settingsCommand({
	name: "daemon",
	async run(given, invocation) {
		// handle signals before anything reports that the agent is running
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
			"Answers HTTPS requests until SIGTERM or SIGINT. Each option also has an environment variable: HAPPO_AGENT_ and the name in capitals, with underscores (HAPPO_AGENT_PORT). A flag overrides its variable, and a variable overrides the default; an empty variable counts as unset. The passphrase of an encrypted key comes only from HAPPO_AGENT_PRIVATE_KEY_PASSPHRASE.\nThe exit status is 0 after a signal, 2 if a setting is invalid, 78 if a file or a setting must be changed before the agent can start, such as a key that does not belong to the certificate, and 1 after any other failure.",
		examples: [
			"daemon --quick-start ./data",
			"daemon -A 192.0.2.0/24 -B agent.pub -R agent.key -l -",
		],
		settings: daemonSettings,
	},
});
