import { createChildProcessEngine } from "./child-process-engine.ts";
import { loadNativeAddon } from "./native-addon.ts";
import { createNativeEngine } from "./native-engine.ts";
import type { Engine } from "./started.ts";

/** Setting `command-engine`; `auto` is native where that can be loaded. */
export type WantedEngine = "auto" | Engine["name"];

/**
 * Chooses how processes are started. Throws, with the reason, when the native engine is wanted and cannot be loaded.
 * @param parts.environment of commands
 * @param parts.openFiles soft limit of open files of commands; this process's own unless given
 * @param parts.load gives the native engine's addon; tests have their own
 */
export function chooseEngine(
	wanted: WantedEngine,
	{
		environment,
		log,
		openFiles,
		load = loadNativeAddon,
	}: {
		environment: Readonly<Record<string, string>>;
		log: { warning(message: string): void };
		openFiles?: number | undefined;
		load?: typeof loadNativeAddon;
	},
): Engine {
	if (wanted !== "child_process") {
		const addon = load();
		if (!("reason" in addon)) return createNativeEngine(addon, openFiles);
		if (wanted === "native")
			throw new Error(`command-engine native: ${addon.reason}`);
		log.warning(
			`commands are started through node:child_process, which takes longer: ${addon.reason}`,
		);
	}
	return createChildProcessEngine({ environment, log, openFiles });
}
