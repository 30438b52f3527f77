import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type DaemonSettings, daemonSettings } from "../src/settings.ts";

/** Directory of the package's own plugins: the built program is in dist, next to contrib. */
export const ownPlugins = fileURLToPath(
	new URL("../contrib/plugins", import.meta.url),
);

/** Default search paths: the package's own plugins come last. */
export const pluginPaths = {
	"nagios-plugin-paths": [
		...daemonSettings["nagios-plugin-paths"].default,
		ownPlugins,
	],
	"sensu-plugin-paths": [
		...daemonSettings["sensu-plugin-paths"].default,
		ownPlugins,
	],
};

/** Defaults that keep all files of an agent in one directory. */
export function quickStartDefaults(directory: string): Partial<DaemonSettings> {
	const inside = (name: string) => join(resolve(directory), name);
	return {
		"public-key": inside("happo-agent.pub"),
		"private-key": inside("happo-agent.key"),
		"metric-config": inside("metrics.yaml"),
		dbfile: inside("happo-agent.db"),
		"admin-socket": inside("admin.sock"),
		logfile: "-",
	};
}
