import { createChildProcessEngine } from "./child-process-engine.ts";
import { loadNativeAddon } from "./native-addon.ts";
import { createNativeEngine } from "./native-engine.ts";
import type { Engine } from "./started.ts";

/** Setting `command-engine`; `auto` is native if the addon can be loaded. */
export type WantedEngine = "auto" | Engine["name"];

/**
 * Chooses the engine. Throws an error with the reason if the native engine is required but cannot
 * be loaded.
 * @param parts.environment of commands
 * @param parts.openFiles soft limit of open files for commands; this process's own by default
 * @param parts.load loads the addon; tests replace it
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
			`starting commands through node:child_process, which is slower: ${addon.reason}`,
		);
	}
	return createChildProcessEngine({ environment, log, openFiles });
}
