import { fileURLToPath } from "node:url";
import type { CpuProfile } from "../src/cpu-profile.ts";
import type { LogFormat, LogLevel } from "../src/log.ts";
import { resolveSettings } from "../src/setting-table.ts";
import { type DaemonSettings, daemonSettings } from "../src/settings.ts";
import { systemReason } from "../src/system-error.ts";
import { endProcess, type Running, watchProcess } from "./lifecycle.ts";
import { type Invocation, settingsCommand } from "./settings-command.ts";

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

/** Exit status for everything but a wrong argument or setting. */
const failureStatus = 1;

type Parts = typeof import("./daemon-parts.ts").parts;

/** The true reason of a failed start in one line. */
function reason(
	error: unknown,
	settings: DaemonSettings,
	{ KeyPairError }: Parts,
): string {
	if (error instanceof KeyPairError) {
		const { default: byDefault } = daemonSettings["public-key"];
		return settings["public-key"] === byDefault
			? `${error.message} (--quick-start DIRECTORY makes a key pair)`
			: error.message;
	}
	const { code, syscall, path, message } = error as NodeJS.ErrnoException;
	if (code === undefined || syscall === undefined) return message;
	const why = systemReason(error);
	if (syscall === "listen" || syscall === "bind")
		return `port ${settings.port}${settings["listen-address"] && ` of ${settings["listen-address"]}`}: ${why}`;
	return `${path ?? syscall}: ${why}`;
}

/** The settings again, with what `--quick-start` makes of those that are not given. */
function quickStartSettings(
	directory: string,
	{ flags, environment }: Invocation,
	{ quickStartDefaults }: Parts,
): DaemonSettings {
	return resolveSettings(daemonSettings, flags, environment, {
		...pluginPaths,
		...quickStartDefaults(directory),
	});
}

/** `happo-agent daemon`: runs the agent until a signal stops it. */
async function run(
	given: DaemonSettings,
	invocation: Invocation,
): Promise<number> {
	const { stdout, environment, complain } = invocation;
	const running: Running = {};
	let profile: CpuProfile | undefined;
	// before anything says that the agent runs, a signal has to be obeyed
	const watch = watchProcess(running, complain);
	const { parts } = await import("./daemon-parts.ts");
	parts.disarmSignals();
	const directory = given["quick-start"];
	const quick = directory !== "";
	const settings = quick
		? quickStartSettings(directory, invocation, parts)
		: given;
	try {
		const made = quick && (await parts.prepareQuickStart(settings));
		const level = settings["log-level"] as LogLevel;
		const format = settings["log-format"] as LogFormat;
		const log = parts.openLog(settings.logfile, level, { format });
		running.log = log;
		// standard error may lead nowhere
		for (const line of invocation.warnings) log.warning(line);
		if (settings["cpu-profile"] !== "")
			profile = parts.startCpuProfile(settings["cpu-profile"]);
		const starting = parts.startAgent({
			...{ settings, environment, log },
			ownPlugins,
		});
		const agent = await Promise.race([starting, watch.failed]);
		running.agent = agent;
		watch.catchUp();
		const memory = parts.returnMemory();
		if (quick) stdout.write(await parts.greeting(agent, settings, made));
		const cause = await watch.stopped;
		memory.stop();
		if (cause !== "failure") log.info(`${cause}: stopping`);
		return await endProcess({
			...{ log, agent, watch, cause },
			last: () => profile?.write(),
		});
	} catch (error) {
		if (!watch.hasFailed()) {
			const line = reason(error, settings, parts);
			running.log?.error(line);
			complain(line);
		}
		process.exit(failureStatus);
	}
}

export const daemonCommand = settingsCommand({
	name: "daemon",
	run,
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
