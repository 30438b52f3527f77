import { access, mkdir, readdir, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { type Agent, version } from "../src/agent.ts";
import type { DaemonSettings } from "../src/settings.ts";
import { createKeyPairFiles } from "../src/tls/key-pair-files.ts";

const exampleConfig =
	() => `# Which metric plugins run every minute, and for which host.
metrics:
- hostname: ${JSON.stringify(hostname())}
  plugins:
  - plugin_name: metrics_linux
    plugin_option: ""
`;

/**
 * Creates the directory, the key pair and metrics.yaml unless they exist. Returns whether it
 * created a key pair.
 */
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

/** The URL of the agent on this machine. */
function localUrl({ address, port }: Agent): string {
	if (address === "::" || address === "0.0.0.0")
		return `https://127.0.0.1:${port}`;
	return `https://${address.includes(":") ? `[${address}]` : address}:${port}`;
}

/** Names of the check plugins in these directories. */
async function pluginsIn(directories: readonly string[]): Promise<Set<string>> {
	const names = await Promise.all(
		directories.map((path) => readdir(path).catch(() => [] as string[])),
	);
	return new Set(names.flat().filter((name) => name.startsWith("check_")));
}

/** What a new user wants to know after startup, in a few lines. */
export async function greeting(
	agent: Agent,
	settings: DaemonSettings,
	keyPairMade: boolean,
): Promise<string> {
	const url = localUrl(agent);
	const everywhere = agent.address === "::" || agent.address === "0.0.0.0";
	const plugins = await pluginsIn(settings["nagios-plugin-paths"]);
	const others = settings["allowed-hosts"];
	const check = plugins.has("check_load")
		? { plugin_name: "check_load", plugin_option: "-w 5,4,3 -c 10,8,6" }
		: {
				plugin_name: "check_load_average",
				plugin_option: "-w 5,4,3 -c 10,8,6",
			};
	return `happo-agent ${version} is running
  listens on   ${url}${everywhere ? " and every other address of this machine" : ""}
  answers to   ${["127.0.0.1", "::1", ...others].join(", ")}${others.length > 0 ? "" : " only (-A adds addresses and networks)"}
  runs         ${plugins.size} check plugins found in nagios-plugin-paths
  certificate  ${settings["public-key"]}${keyPairMade ? " (self-signed, just created)" : ""}
  fingerprint  SHA-256 ${agent.keyPair.fingerprint256}
${
	agent.adminSocket === undefined
		? ""
		: `  admin socket ${agent.adminSocket} (happo-ctl --admin-socket)
`
}  keeps        everything in ${settings["quick-start"]}

Try from another terminal:
  curl -k -d '${JSON.stringify(check)}' ${url}/monitor

Ctrl-C stops it.
`;
}
