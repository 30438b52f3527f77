import { maxStopMilliseconds } from "../src/agent/stop-times.ts";
import { startAgent } from "../src/agent.ts";
import { type CpuProfile, startCpuProfile } from "../src/cpu-profile.ts";
import { type LogFormat, type LogLevel, openLog } from "../src/log.ts";
import {
	contradictions,
	ListenError,
	type PassedListener,
	passedListener,
} from "../src/passed-socket.ts";
import { PolicyError } from "../src/policy/document.ts";
import { AccessError } from "../src/protocol/access.ts";
import { TrustError } from "../src/relay/trust.ts";
import {
	resolveSettings,
	SettingsError,
	sourceOf,
} from "../src/setting-table.ts";
import { type DaemonSettings, daemonSettings } from "../src/settings.ts";
import { disarmSignals, returnLargeBlocks } from "../src/spawn/native-addon.ts";
import { systemReason } from "../src/system-error.ts";
import { ClientTrustError } from "../src/tls/client-trust.ts";
import { KeyPairError } from "../src/tls/key-pair.ts";
import { quickStartDefaults } from "./daemon-defaults.ts";
import { endProcess, type Running, type watchProcess } from "./lifecycle.ts";
import { limitHeapGrowth, returnMemory } from "./memory-return.ts";
import { greeting, prepareQuickStart } from "./quick-start.ts";
import type { Invocation } from "./settings-command.ts";

/** Defaults of the settings for plugin directories. */
type PluginPaths = Partial<DaemonSettings>;

/** Exit status after a failure that a new start may mend. */
const failureStatus = 1;

/** Exit status if somebody has to change a file or a setting first; EX_CONFIG of <sysexits.h>. */
const configurationStatus = 78;

/**
 * The exit status after a failed start, for the service manager: to start again helps against a port
 * or a store that is taken and a file that cannot be read yet, but not against what is in a file.
 */
function failedStart(error: unknown): number {
	const { code, syscall, cause } = error as NodeJS.ErrnoException & {
		cause?: NodeJS.ErrnoException;
	};
	if (
		error instanceof KeyPairError ||
		error instanceof TrustError ||
		error instanceof ClientTrustError
	)
		return cause?.syscall === undefined ? configurationStatus : failureStatus;
	if (error instanceof AccessError || error instanceof PolicyError)
		return configurationStatus;
	// a port that only root may have
	return syscall === "listen" && code === "EACCES"
		? configurationStatus
		: failureStatus;
}

/** Why startup failed, in one line. */
function reason(error: unknown, settings: DaemonSettings): string {
	if (error instanceof KeyPairError) {
		const { default: byDefault } = daemonSettings["public-key"];
		return settings["public-key"] === byDefault
			? `${error.message} (--quick-start DIRECTORY makes a key pair)`
			: error.message;
	}
	const { code, syscall, path, port, message } =
		error as NodeJS.ErrnoException & { port?: number };
	if (code === undefined || syscall === undefined) return message;
	const why = systemReason(error);
	if (syscall === "listen" || syscall === "bind")
		return `port ${port ?? settings.port}${settings["listen-address"] && ` of ${settings["listen-address"]}`}: ${why}`;
	return `${path ?? syscall}: ${why}`;
}

/**
 * The socket that systemd passes; undefined if there is none.
 * @throws SettingsError if it is no socket for this agent, or not the one of the settings
 */
function takeListener(
	settings: DaemonSettings,
	{ flags, environment }: Invocation,
): PassedListener | undefined {
	const given = <T>(name: keyof DaemonSettings, value: T) => {
		const source = sourceOf(name, flags, environment);
		return source === undefined || value === "" ? undefined : { value, source };
	};
	try {
		const listener = passedListener(environment, process.pid);
		const lines = listener
			? contradictions(listener, {
					port: given("port", settings.port),
					address: given("listen-address", settings["listen-address"]),
				})
			: [];
		if (lines.length > 0) throw new SettingsError(lines);
		return listener;
	} catch (error) {
		// another start would not help
		throw error instanceof ListenError
			? new SettingsError([error.message])
			: error;
	}
}

/** Resolves the settings again, with the defaults of `--quick-start`. */
function quickStartSettings(
	directory: string,
	{ flags, environment }: Invocation,
	pluginPaths: PluginPaths,
): DaemonSettings {
	return resolveSettings(daemonSettings, flags, environment, {
		...pluginPaths,
		...quickStartDefaults(directory),
	});
}

/**
 * Runs the agent until a signal stops it. This file imports what only the daemon needs, so that
 * other commands start faster.
 * @param parts.running filled here, for `parts.watch`
 * @param parts.ownPlugins directory of the package's own plugins
 * @returns the exit status
 */
export async function runDaemon(
	given: DaemonSettings,
	invocation: Invocation,
	{
		running,
		watch,
		ownPlugins,
		pluginPaths,
	}: {
		running: Running;
		watch: ReturnType<typeof watchProcess>;
		ownPlugins: string;
		pluginPaths: PluginPaths;
	},
): Promise<number> {
	const { stdout, environment, complain } = invocation;
	let profile: CpuProfile | undefined;
	disarmSignals();
	returnLargeBlocks();
	const directory = given["quick-start"];
	const quick = directory !== "";
	const settings = quick
		? quickStartSettings(directory, invocation, pluginPaths)
		: given;
	const { port, "nrpe-port": nrpePort } = settings;
	if (nrpePort !== 0 && nrpePort === port)
		throw new SettingsError([
			`nrpe-port: ${nrpePort} is the port of HTTPS, too (port)`,
		]);
	const listener = takeListener(settings, invocation);
	limitHeapGrowth();
	try {
		const made = quick && (await prepareQuickStart(settings));
		const level = settings["log-level"] as LogLevel;
		const format = settings["log-format"] as LogFormat;
		const log = openLog(settings.logfile, level, { format });
		running.log = log;
		// standard error may be discarded
		for (const line of invocation.warnings) log.warning(line);
		if (settings["cpu-profile"] !== "")
			profile = startCpuProfile(settings["cpu-profile"]);
		const starting = startAgent({
			...{ settings, environment, log },
			...{ listener, ownPlugins },
			stopping: watch.stopping,
		});
		const agent = await Promise.race([starting, watch.failed]);
		running.agent = agent;
		watch.catchUp();
		const memory = returnMemory();
		if (quick) stdout.write(await greeting(agent, settings, made));
		const cause = await watch.stopped;
		memory.stop();
		if (cause !== "failure") log.info(`${cause}: stopping`);
		return await endProcess({
			...{ log, agent, watch, cause },
			maxMilliseconds: maxStopMilliseconds(settings),
			last: () => profile?.write(),
		});
	} catch (error) {
		if (!watch.hasFailed()) {
			const line = reason(error, settings);
			running.log?.error(line);
			complain(line);
		}
		process.exit(watch.hasFailed() ? failureStatus : failedStart(error));
	}
}
