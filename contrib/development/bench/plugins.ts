import { basename, dirname } from "node:path";
import type { Scene } from "./scene.ts";

/** A plugin and its option. */
export interface BenchPlugin {
	file: string;
	option: string;
}

/** A real plugin that does nothing, from the package monitoring-plugins-basic. */
export const checkDummy: BenchPlugin = {
	file: "/usr/lib/nagios/plugins/check_dummy",
	option: "0",
};

/** A static program that does next to nothing. It costs a third less than `check_dummy`, which is linked dynamically. */
export const minimalPlugin = ({ tools }: Scene): BenchPlugin => ({
	file: tools.plugin,
	option: "",
});

/** The directories of both plugins, for `nagios-plugin-paths`. */
export const pluginPaths = (scene: Scene) =>
	[checkDummy, minimalPlugin(scene)].map(({ file }) => dirname(file)).join();

/** The request that runs a plugin. */
export const checkOf = ({ file, option }: BenchPlugin) => ({
	path: "/monitor",
	body: { plugin_name: basename(file), plugin_option: option },
});
