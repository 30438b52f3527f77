import { fileURLToPath } from "node:url";
import { Command } from "clipanion";
import { startAgent } from "../src/agent.ts";
import { type CpuProfile, startCpuProfile } from "../src/cpu-profile.ts";
import { KeyPairError } from "../src/http/key-pair.ts";
import { type LogFormat, type LogLevel, openLog } from "../src/log.ts";
import { resolveSettings, SettingsError } from "../src/setting-table.ts";
import { type DaemonSettings, daemonSettings } from "../src/settings.ts";
import { systemReason } from "../src/system-error.ts";
import { greeting } from "./greeting.ts";
import { endProcess, type Running, watchProcess } from "./lifecycle.ts";
import { commandOptions, knownOptions } from "./options.ts";
import type { ProgramCommand } from "./program.ts";
import { prepareQuickStart, quickStartDefaults } from "./quick-start.ts";

/** Exit status for a wrong argument or setting, and for everything else. */
const usageStatus = 2;
const failureStatus = 1;

/** The true reason of a failed start in one line. */
function reason(error: unknown, settings: DaemonSettings): string {
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

function readSettings(
	flags: Record<string, readonly string[]>,
	environment: NodeJS.ProcessEnv,
): DaemonSettings {
	const settings = resolveSettings(daemonSettings, flags, environment);
	const directory = settings["quick-start"];
	if (directory === "") return settings;
	// the built program lies in dist, the example plugins beside it
	const plugins = fileURLToPath(new URL("../contrib/plugins", import.meta.url));
	const defaults = quickStartDefaults(directory, plugins);
	return resolveSettings(daemonSettings, flags, environment, defaults);
}

/** `happo-agent daemon`: runs the agent until a signal stops it. */
class DaemonCommand extends Command {
	static override paths = [["daemon"]];

	constructor() {
		super();
		Object.assign(this, commandOptions(daemonSettings));
	}

	async execute(): Promise<number> {
		const { stdout, stderr, env } = this.context;
		const given = this as unknown as Record<string, string[] | undefined>;
		const flags: Record<string, readonly string[]> = {};
		for (const { long } of knownOptions(daemonSettings)) {
			const texts = given[long];
			if (texts) flags[long] = texts;
		}
		const complain = (line: string) => stderr.write(`happo-agent: ${line}\n`);
		let settings: DaemonSettings;
		try {
			settings = readSettings(flags, env);
		} catch (error) {
			if (!(error instanceof SettingsError)) throw error;
			for (const line of error.lines) complain(line);
			return usageStatus;
		}
		const running: Running = {};
		let profile: CpuProfile | undefined;
		// before anything says that the agent runs, a signal has to be obeyed
		const watch = watchProcess(running, complain);
		try {
			const quick = settings["quick-start"] !== "";
			const made = quick && (await prepareQuickStart(settings));
			const log = openLog(settings.logfile, settings["log-level"] as LogLevel, {
				format: settings["log-format"] as LogFormat,
			});
			running.log = log;
			if (settings["cpu-profile"] !== "")
				profile = startCpuProfile(settings["cpu-profile"]);
			const starting = startAgent({ settings, environment: env, log });
			const agent = await Promise.race([starting, watch.failed]);
			running.agent = agent;
			watch.catchUp();
			if (quick) stdout.write(await greeting(agent, settings, made));
			const cause = await watch.stopped;
			if (cause !== "failure") log.info(`${cause}: stopping`);
			return await endProcess({
				...{ log, agent, watch },
				last: () => profile?.write(),
			});
		} catch (error) {
			if (!watch.hasFailed()) {
				const line = reason(error, settings);
				running.log?.error(line);
				complain(line);
			}
			process.exit(failureStatus);
		}
	}
}

export const daemonCommand: ProgramCommand = {
	command: DaemonCommand,
	name: "daemon",
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
};
