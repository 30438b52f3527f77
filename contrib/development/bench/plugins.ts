import { basename, dirname } from "node:path";
import type { Scene } from "./scene.ts";

/** A plugin that is run, and its option. */
export interface BenchPlugin {
	file: string;
	option: string;
}

/** Real, and does nothing: of the package monitoring-plugins-basic. */
export const checkDummy: BenchPlugin = {
	file: "/usr/lib/nagios/plugins/check_dummy",
	option: "0",
};

/** The least that a program can do: a third less than `check_dummy`, which is linked dynamically. */
export const leastPlugin = ({ tools }: Scene): BenchPlugin => ({
	file: tools.plugin,
	option: "",
});

/** Where an agent finds them. */
export const pluginPaths = (scene: Scene) =>
	[checkDummy, leastPlugin(scene)].map(({ file }) => dirname(file)).join();

/** A check of a plugin. */
export const checkOf = ({ file, option }: BenchPlugin) => ({
	path: "/monitor",
	body: { plugin_name: basename(file), plugin_option: option },
});
