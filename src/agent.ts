import { contract as document } from "../generated/contract.ts";
import { parseAllowedHosts } from "./access.ts";
import { createCommands } from "./commands/command.ts";
import { childEnvironment } from "./commands/environment.ts";
import { createPlugins } from "./commands/plugin.ts";
import { createRunner } from "./commands/runner.ts";
import { createSlots } from "./commands/slots.ts";
import { createHandlers } from "./handlers/index.ts";
import { loadKeyPair } from "./http/certificate.ts";
import { createContract } from "./http/contract.ts";
import type { KeyPair } from "./http/key-pair.ts";
import type { Replied } from "./http/reply.ts";
import { startServer } from "./http/server.ts";
import { tlsOptions } from "./http/tls-options.ts";
import type { Log } from "./log.ts";
import { createSnapshots } from "./machine-state/snapshot.ts";
import { createCollector } from "./metrics/collector.ts";
import { createMetricConfigFile } from "./metrics/metric-config-file.ts";
import { parseDestinations } from "./relay/destinations.ts";
import { createHttpsFetch } from "./relay/https-fetch.ts";
import { loadTrust } from "./relay/trust.ts";
import type { DaemonSettings } from "./settings.ts";
import { warnOfRisks } from "./start-warnings.ts";
import { openDatabase } from "./store/database.ts";
import { createMachineStates } from "./store/machine-states.ts";
import { createMetricBuffer } from "./store/metric-buffer.ts";

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

/** Metric plugins that run at once. */
const collectionCommands = 16;

/** Commands that run when the agent stops have this long to end by themselves. */
const commandGraceMilliseconds = 1_000;

/** Connections have longer: the requests of those commands are answered. */
const connectionGraceMilliseconds = 2_500;

/**
 * Builds the agent from its settings, the only place that knows in what order,
 * and starts it. Throws AccessError for a bad `allowed-hosts`, KeyPairError for
 * the certificate and its key, TrustError for those of relays, StoreLocked for a store that another process
 * has, and the system's error for the port.
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
	const trust = await loadTrust({
		caFile: settings["proxy-ca-file"],
		pins: settings["proxy-fingerprints"],
		certificateFile: settings["proxy-certificate"],
		keyFile: settings["proxy-private-key"],
	});
	warnOfRisks({ settings, keyPair, trust, log });
	const now = Date.now;
	const database = await openDatabase({ directory: settings.dbfile, log });
	const buffer = createMetricBuffer({
		database,
		consumers: settings["metric-consumers"],
		maxLifetimeSeconds: settings["metrics-max-lifetime-seconds"],
		now,
		log,
	});
	const commands = createCommands({
		outputLimitBytes: settings["command-output-limit-bytes"],
		environment: childEnvironment(environment),
		log,
	});
	const runnerOf = (maxCommands: number) =>
		createRunner({
			commands,
			slots: createSlots({ limit: maxCommands }),
			maxCommands,
			timeoutSeconds: settings["command-timeout"],
		});
	const pluginsIn = (directories: readonly string[]) =>
		createPlugins({ directories, allowShell: settings.shell });
	const metricConfigFile = createMetricConfigFile({
		file: settings["metric-config"],
		log,
		now,
	});
	const collector = createCollector({
		config: metricConfigFile,
		plugins: pluginsIn(settings["sensu-plugin-paths"]),
		// checks and collection cannot take each other's places
		runCommand: runnerOf(collectionCommands),
		store: buffer.append,
		log,
		now,
		concurrency: collectionCommands,
		intervalMilliseconds: settings["collection-interval-seconds"] * 1000,
	});
	const machineStates = createMachineStates({
		database,
		maxLifetimeSeconds: settings["machine-state-max-lifetime-seconds"],
		now,
		log,
	});
	const snapshots = createSnapshots({
		commands: settings["machine-state-commands"],
		runCommand: runnerOf(1),
		save: machineStates.save,
		intervalSeconds: settings["error-log-interval-seconds"],
		now,
		log,
	});
	const relay = createHttpsFetch({
		trust,
		maxBodyBytes: settings["proxy-max-answer-bytes"],
	});
	const handlers = createHandlers({
		plugins: pluginsIn(settings["nagios-plugin-paths"]),
		runCommand: runnerOf(settings["max-commands"]),
		inventoryRules: {
			allowed: settings.inventory,
			allowShell: settings.shell,
			commands: settings["inventory-commands"],
		},
		buffer,
		consumers: settings["metric-consumers"],
		metricConfigFile,
		allowConfigUpdate: settings["config-update"],
		machineStates,
		onFailure: snapshots.take,
		relay: {
			fetch: relay.fetch,
			destinations: parseDestinations(settings["proxy-destinations"]),
			timeoutSeconds: settings["proxy-timeout-seconds"],
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
	}).catch(async (error) => {
		await database.close();
		throw error;
	});
	if (!settings["disable-collect-metrics"]) collector.start();
	log.info(`listening on ${server.address} port ${server.port}`);
	return {
		address: server.address,
		port: server.port,
		keyPair,
		close: async () => {
			const collected = collector.stop();
			await Promise.all([
				server.close(connectionGraceMilliseconds),
				commands.close(commandGraceMilliseconds),
			]);
			relay.close();
			await Promise.all([collected, snapshots.settled()]);
			await database.close();
		},
		kill: () => commands.kill(),
	};
}
