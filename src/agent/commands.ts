import { isDeepStrictEqual } from "node:util";
import { type Commands, createCommands } from "../commands/command.ts";
import { childEnvironment } from "../commands/environment.ts";
import { type Asking, createLookups } from "../commands/lookups.ts";
import { createPlugins, type Plugins } from "../commands/plugin.ts";
import { createPluginList } from "../commands/plugin-list.ts";
import { createRunner, type RunCommand } from "../commands/runner.ts";
import { createFairLimit, type FairLimit } from "../fair-limit.ts";
import type { Log } from "../log.ts";
import { sharedDirectory } from "../plugin-directories.ts";
import { type DaemonSettings, daemonSettings } from "../settings.ts";
import { chooseEngine, type WantedEngine } from "../spawn/engine.ts";
import { startingOpenFiles } from "../spawn/open-files.ts";
import type { Engine } from "../spawn/started.ts";

type PluginPaths = "nagios-plugin-paths" | "sensu-plugin-paths";

/** What runs plugins and commands. */
export interface Execution {
	engine: Engine;
	commands: Commands;
	/** Creates a runner with places of its own, which it shares with no other runner. */
	runnerOf(maxCommands: number): RunCommand;
	/** The plugins of a setting's directories. */
	pluginsIn(setting: PluginPaths): Plugins;
	/** Lists the names of the plugins in `nagios-plugin-paths`. */
	listPlugins: ReturnType<typeof createPluginList>;
	/** Number of commands that wait for a place of any runner. */
	waiting(): number;
}

/**
 * Chooses the engine and the environment of commands, and warns operators of problems with either.
 * @param parts.asking how to look plugins up
 * @throws an Error with the reason if the engine cannot be loaded
 */
export function createExecution(parts: {
	settings: DaemonSettings;
	environment: NodeJS.ProcessEnv;
	asking: Asking;
	/** Directory of the plugins that come with the agent. */
	ownPlugins: string | undefined;
	/** Whether a policy is in force at this moment. */
	isEnforced: () => boolean;
	log: Pick<Log, "warning" | "error">;
}): Execution {
	const { settings, ownPlugins, log } = parts;
	const { variables, heldBack } = childEnvironment(parts.environment, {
		passed: settings["plugin-environment"],
		locale: settings["plugin-locale"],
	});
	if (heldBack.length > 0)
		log.warning(
			`plugins do not get what looks like a secret: ${heldBack.join(", ")} (plugin-environment)`,
		);
	const engine = chooseEngine(settings["command-engine"] as WantedEngine, {
		environment: variables,
		log,
		openFiles: settings["plugin-open-files"] || startingOpenFiles(),
	});
	if (engine.name === "child_process" && process.pid === 1)
		log.warning(
			"this is process 1 and cannot wait for orphans without its native code: processes that plugins leave behind stay as zombies (docker run --init)",
		);
	const commands = createCommands({
		engine,
		outputLimitBytes: settings["command-output-limit-bytes"],
		maxLeftBehind: settings["max-left-behind"],
		environment: variables,
		log,
	});
	const isDefault = (setting: PluginPaths) =>
		isDeepStrictEqual(settings[setting], [
			...daemonSettings[setting].default,
			...(ownPlugins === undefined ? [] : [ownPlugins]),
		]);
	const isInUse = (setting: PluginPaths) =>
		isDefault(setting)
			? (directory: string) =>
					directory !== sharedDirectory || !parts.isEnforced()
			: undefined;
	const allPlaces: FairLimit[] = [];
	// shared by all lists, so that a hanging directory blocks one thread only
	const lookups = createLookups(parts.asking);
	return {
		engine,
		commands,
		runnerOf: (maxCommands) => {
			const places = createFairLimit({ limit: maxCommands });
			allPlaces.push(places);
			return createRunner({
				commands,
				places,
				maxCommands,
				timeoutSeconds: settings["command-timeout"],
			});
		},
		pluginsIn: (setting) =>
			createPlugins({
				directories: settings[setting],
				isInUse: isInUse(setting),
				allowShell: settings.shell,
				...(ownPlugins !== undefined && { ownPlugins }),
				lookups,
				timeoutMilliseconds: settings["command-timeout"] * 1000,
			}),
		listPlugins: createPluginList({
			directories: settings["nagios-plugin-paths"],
			isInUse: isInUse("nagios-plugin-paths"),
			look: parts.asking.look,
			now: () => performance.now(),
		}),
		waiting: () => allPlaces.reduce((sum, { waiting }) => sum + waiting, 0),
	};
}
