import { contract as document } from "../generated/contract.ts";
import { parseAllowedHosts } from "./access.ts";
import { createCommands } from "./commands/command.ts";
import { childEnvironment } from "./commands/environment.ts";
import { createPlugins } from "./commands/plugin.ts";
import { createRunner } from "./commands/runner.ts";
import { createSlots } from "./commands/slots.ts";
import { createHandlers } from "./handlers/index.ts";
import { loadKeyPair, validityWarning } from "./http/certificate.ts";
import { createContract } from "./http/contract.ts";
import type { KeyPair } from "./http/key-pair.ts";
import type { Replied } from "./http/reply.ts";
import { startServer } from "./http/server.ts";
import { tlsOptions } from "./http/tls-options.ts";
import type { Log } from "./log.ts";
import type { DaemonSettings } from "./settings.ts";

/** The product's version, which is the contract's. */
export const version: string = document.info.version;

/** A started agent. */
export interface Agent {
	/** Address it listens on; `::` is every address, IPv4 and IPv6. */
	readonly address: string;
	readonly port: number;
	readonly keyPair: KeyPair;
	/** Stops in the reverse order of the start; nothing is left behind. */
	close(): Promise<void>;
	/** Ends what was started outside this process, when there is no time to close. */
	kill(): void;
}

/** Commands that run when the agent stops have this long to end by themselves. */
const commandGraceMilliseconds = 1_000;

/** Connections have longer: the requests of those commands are answered. */
const connectionGraceMilliseconds = 2_500;

/** Says at start what an operator should know of a risky set-up. */
function warn(settings: DaemonSettings, keyPair: KeyPair, log: Log) {
	const validity = validityWarning(keyPair, new Date());
	if (validity) log.warning(validity);
	if (process.getuid?.() === 0 && settings.inventory)
		log.warning(
			"running as root with /inventory on: every allowed host has a root shell here (inventory, shell)",
		);
	for (const name of [
		"cpu-profile",
		"enable-requeststatus-middleware",
	] as const)
		if (settings[name])
			log.warning(`${name}: not in this version of the agent, ignored`);
}

/**
 * Builds the agent from its settings, the only place that knows in what order,
 * and starts it. Throws AccessError for a bad `allowed-hosts`, KeyPairError for
 * the certificate and its key, and the system's error for the port.
 */
export async function startAgent(parts: {
	settings: DaemonSettings;
	environment: NodeJS.ProcessEnv;
	log: Log;
	checkReply?: (operationId: string, reply: Replied) => void;
}): Promise<Agent> {
	const { settings, environment, log } = parts;
	const access = parseAllowedHosts(settings["allowed-hosts"]);
	const keyPair = await loadKeyPair({
		certificateFile: settings["public-key"],
		privateKeyFile: settings["private-key"],
		passphrase: settings["private-key-passphrase"],
		passphraseFile: settings["private-key-passphrase-file"],
	});
	warn(settings, keyPair, log);
	const commands = createCommands({
		outputLimitBytes: settings["command-output-limit-bytes"],
		environment: childEnvironment(environment),
		log,
	});
	const runCommand = createRunner({
		commands,
		slots: createSlots({ limit: settings["max-commands"] }),
		maxCommands: settings["max-commands"],
		timeoutSeconds: settings["command-timeout"],
	});
	const handlers = createHandlers({
		plugins: createPlugins({
			directories: settings["nagios-plugin-paths"],
			allowShell: settings.shell,
		}),
		runCommand,
		inventoryRules: {
			allowed: settings.inventory,
			allowShell: settings.shell,
			commands: settings["inventory-commands"],
		},
	});
	const { checkReply } = parts;
	const server = await startServer({
		contract: await createContract({
			handlers,
			...(checkReply && { checkReply }),
		}),
		access,
		bodyLimits: {
			maxBodyBytes: settings["max-body-bytes"],
			maxBufferedBytes: settings["max-buffered-bytes"],
		},
		tls: tlsOptions(keyPair),
		limits: {
			maxConnections: settings["max-connections"],
			connectionWaitSeconds: settings["connection-wait-seconds"],
			handshakeTimeoutSeconds: settings["handshake-timeout-seconds"],
			headersTimeoutSeconds: settings["headers-timeout-seconds"],
			requestTimeoutSeconds: settings["request-timeout-seconds"],
			idleTimeoutSeconds: settings["idle-timeout-seconds"],
		},
		where: {
			port: settings.port,
			...(settings["listen-address"] && { host: settings["listen-address"] }),
		},
		log,
	});
	log.info(`listening on ${server.address} port ${server.port}`);
	return {
		address: server.address,
		port: server.port,
		keyPair,
		close: async () => {
			await Promise.all([
				server.close(connectionGraceMilliseconds),
				commands.close(commandGraceMilliseconds),
			]);
		},
		kill: () => commands.kill(),
	};
}
