import { access, mkdir, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import type { DaemonSettings } from "../src/settings.ts";
import { createKeyPairFiles } from "../src/tls/key-pair-files.ts";

/** Defaults that keep everything of an agent in one directory. */
export function quickStartDefaults(directory: string): Partial<DaemonSettings> {
	const inside = (name: string) => join(resolve(directory), name);
	return {
		"public-key": inside("happo-agent.pub"),
		"private-key": inside("happo-agent.key"),
		"metric-config": inside("metrics.yaml"),
		dbfile: inside("happo-agent.db"),
		logfile: "-",
	};
}

const exampleConfig =
	() => `# Which metric plugins run every minute, and for which host.
metrics:
- hostname: ${JSON.stringify(hostname())}
  plugins:
  - plugin_name: metrics_linux
    plugin_option: ""
`;

/** Makes what is missing: the directory, the key pair, metrics.yaml. True if a key pair was made. */
export async function prepareQuickStart(
	settings: DaemonSettings,
): Promise<boolean> {
	await mkdir(settings["quick-start"], { recursive: true, mode: 0o700 });
	const made = await createKeyPairFiles({
		certificateFile: settings["public-key"],
		privateKeyFile: settings["private-key"],
		now: new Date(),
	});
	const config = settings["metric-config"];
	const present = await access(config).then(
		() => true,
		() => false,
	);
	if (!present) await writeFile(config, exampleConfig(), { flag: "wx" });
	return made !== undefined;
}
