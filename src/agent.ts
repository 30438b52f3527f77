import { contract as document } from "../generated/contract.ts";
import { createCommands } from "./commands/command.ts";
import { childEnvironment } from "./commands/environment.ts";
import { createLookups, systemAsking } from "./commands/lookups.ts";
import { createPlugins } from "./commands/plugin.ts";
import { createRunner } from "./commands/runner.ts";
import { createFairLimit, type FairLimit } from "./fair-limit.ts";
import { createHandlers } from "./handlers/index.ts";
import { createAccessLog } from "./http/access-log.ts";
import { bindContract } from "./http/bind.ts";
import type { DeliveryTimes } from "./http/connection.ts";
import type { Replied } from "./http/reply.ts";
import { type AgentServer, startServer } from "./http/server.ts";
import type { Log } from "./log.ts";
import { createSnapshots } from "./machine-state/snapshot.ts";
import { createCollector, type PassResult } from "./metrics/collector.ts";
import { createMetricConfigFile } from "./metrics/metric-config-file.ts";
import { untilAnswered } from "./polled-files.ts";
import { parseAllowedHosts } from "./protocol/access.ts";
import { staleSeconds } from "./protocol/sensu.ts";
import { parseDestinations } from "./relay/destinations.ts";
import { createHttpsFetch } from "./relay/https-fetch.ts";
import { loadTrust } from "./relay/trust.ts";
import { type DaemonSettings, daemonSettings } from "./settings.ts";
import { chooseEngine, type WantedEngine } from "./spawn/engine.ts";
import { startingOpenFiles } from "./spawn/open-files.ts";
import { warnOfRisks } from "./start-warnings.ts";
import { createCollected } from "./status/collected.ts";
import { exportedFamilies } from "./status/exported.ts";
import { createFigures } from "./status/figures.ts";
import { createLoopDelay } from "./status/loop-delay.ts";
import { createMemoryStatus } from "./status/memory.ts";
import { reportStatus } from "./status/report.ts";
import { createRequestCounts } from "./status/request-counts.ts";
import type { State } from "./status/state.ts";
import { createDatabase } from "./store/database.ts";
import { createMachineStates } from "./store/machine-states.ts";
import { createMetricBuffer } from "./store/metric-buffer.ts";
import { createRetentionClock } from "./store/retention.ts";
import { createRoom } from "./store/room.ts";
import { createSupervisor } from "./supervisor.ts";
import { type KeyPair, loadKeyPair, tlsOptions } from "./tls/key-pair.ts";
import {
	createKeyPairKeeper,
	type KeyPairKeeper,
} from "./tls/key-pair-keeper.ts";

/** The product's version, which is the contract's. */
export const version: string = document.info.version;

/** A started agent. */
export interface Agent {
	/** Address it listens on; `::` is every address, IPv4 and IPv6. */
	readonly address: string;
	readonly port: number;
	readonly keyPair: KeyPair;
	/** Reads the certificate, its key and metrics.yaml again; what cannot be used is logged, and the old stays. */
	reload(): Promise<void>;
	/** Stops in the reverse order of the start; nothing is left behind. */
	close(): Promise<void>;
	/** Ends what was started outside this process, when there is no time to close. */
	kill(): void;
	/** Ends this process, though threads of it hang in a file system; undefined where that cannot be done. */
	exit?: ((status: number) => void) | undefined;
}

/** A pass of the collection in the contract's words. */
function shownPass(pass: PassResult | undefined, ageMilliseconds = 0) {
	if (!pass) return null;
	const { startedAt, durationMilliseconds, stored, error, plugins } = pass;
	return {
		started_at: startedAt,
		age_seconds: Math.floor(ageMilliseconds / 1000),
		duration_seconds: Math.round(durationMilliseconds) / 1000,
		stored,
		...(error !== undefined && { error }),
		plugins: plugins.map(({ badLines, firstBadLine, ...plugin }) => ({
			...plugin,
			bad_lines: badLines,
			...(firstBadLine !== undefined && { first_bad_line: firstBadLine }),
		})),
	};
}

/** The certificate in the contract's words. */
function shownCertificate(file: string, keyPairs: KeyPairKeeper) {
	const { subject, validTo, fingerprint256 } = keyPairs.current();
	const { problem } = keyPairs;
	return {
		file,
		subject,
		not_after: Math.floor(validTo.getTime() / 1000),
		fingerprint_sha256: fingerprint256,
		...(problem !== undefined && { problem }),
	};
}

/**
 * systemd before 246 (RHEL 8) may lose a message whose sender has ended by the
 * time it is looked at; saying it again does no harm. Milliseconds.
 */
const readyAgainAfter = [2_000, 15_000];

/**
 * From the start to the first pass: soon, but after the start's own work, and not at the same moment on all the hosts
 * that were updated together.
 */
const firstPassMilliseconds = (intervalSeconds: number) =>
	Math.min(intervalSeconds * 1000, 2_000 + Math.random() * 8_000);

/** Metric plugins that run at once. */
const collectionCommands = 16;

/**
 * Commands that run when the agent stops have the patience to end by themselves,
 * and the grace between SIGTERM and SIGKILL. Most checks take less.
 */
const commandTimes = { patienceMilliseconds: 3_000, graceMilliseconds: 1_000 };

/** Connections have longer: the requests of those commands are answered. */
const connectionGraceMilliseconds = 5_500;

/**
 * Builds the agent from its settings, the only place that knows in what order,
 * and starts it. Throws AccessError for a bad `allowed-hosts`, an error that says why for an engine that cannot be
 * loaded, KeyPairError for the certificate and its key, TrustError for those of relays, StoreLocked for a store that another process
 * has, and the system's error for the port.
 */
export async function startAgent(parts: {
	settings: DaemonSettings;
	environment: NodeJS.ProcessEnv;
	log: Log;
	/** Directory of the plugins that come with the agent. */
	ownPlugins?: string;
	checkReply?: (operationId: string, reply: Replied) => void;
	/** Other ones in tests. */
	deliveryTimes?: DeliveryTimes;
}): Promise<Agent> {
	const { settings, environment, log } = parts;
	const access = parseAllowedHosts(settings["allowed-hosts"]);
	const { variables: commandEnvironment, heldBack } = childEnvironment(
		environment,
		{
			passed: settings["plugin-environment"],
			locale: settings["plugin-locale"],
		},
	);
	if (heldBack.length > 0)
		log.warning(
			`plugins do not get what looks like a secret: ${heldBack.join(", ")} (plugin-environment)`,
		);
	const engine = chooseEngine(settings["command-engine"] as WantedEngine, {
		environment: commandEnvironment,
		log,
		openFiles: settings["plugin-open-files"] || startingOpenFiles(),
	});
	if (engine.name === "child_process" && process.pid === 1)
		log.warning(
			"this is process 1 and cannot wait for orphans without its native code: processes that plugins leave behind stay as zombies (docker run --init)",
		);
	const keyFiles = {
		certificateFile: settings["public-key"],
		privateKeyFile: settings["private-key"],
		passphrase: settings["private-key-passphrase"],
		passphraseFile: settings["private-key-passphrase-file"],
	};
	const trustFiles = {
		caFile: settings["proxy-ca-file"],
		certificateFile: settings["proxy-certificate"],
		keyFile: settings["proxy-private-key"],
	};
	const asking = systemAsking();
	const { certificateFile, privateKeyFile, passphraseFile } = keyFiles;
	await untilAnswered({
		files: [
			...[certificateFile, privateKeyFile, passphraseFile],
			...Object.values(trustFiles),
		],
		look: asking.look,
		log,
	});
	const keyPair = await loadKeyPair(keyFiles);
	const trust = await loadTrust({
		...trustFiles,
		pins: settings["proxy-fingerprints"],
	});
	await warnOfRisks({ settings, keyPair, trust, log });
	const now = Date.now;
	// what measures a duration must not go by a clock that is set
	const elapsed = () => performance.now();
	const startedAt = now();
	const begun = performance.now();
	const database = createDatabase({
		directory: settings.dbfile,
		maxCopiesBytes: settings["max-store-bytes"],
		log,
	});
	const retention = createRetentionClock({ database, now, elapsed, log });
	const room = createRoom({
		database,
		maxBytes: settings["max-store-bytes"],
		minFreeBytes: settings["min-free-bytes"],
		elapsed,
		log,
	});
	const buffer = createMetricBuffer({
		database,
		consumers: settings["metric-consumers"],
		maxLifetimeSeconds: settings["metrics-max-lifetime-seconds"],
		retention,
		room,
		now,
		elapsed,
		log,
	});
	const commands = createCommands({
		engine,
		outputLimitBytes: settings["command-output-limit-bytes"],
		maxLeftBehind: settings["max-left-behind"],
		environment: commandEnvironment,
		log,
	});
	const allPlaces: FairLimit[] = [];
	const runnerOf = (maxCommands: number) => {
		const places = createFairLimit({ limit: maxCommands });
		allPlaces.push(places);
		return createRunner({
			commands,
			places,
			maxCommands,
			timeoutSeconds: settings["command-timeout"],
		});
	};
	// of both lists: a directory that hangs takes one thread
	const lookups = createLookups(asking);
	const pluginsIn = (directories: readonly string[]) =>
		createPlugins({
			directories,
			allowShell: settings.shell,
			...(parts.ownPlugins !== undefined && { ownPlugins: parts.ownPlugins }),
			lookups,
			timeoutMilliseconds: settings["command-timeout"] * 1000,
		});
	const metricConfigFile = createMetricConfigFile({
		file: settings["metric-config"],
		copies: `${settings.dbfile}.metric-config`,
		look: asking.look,
		log,
		now,
	});
	const intervalSeconds = settings["collection-interval-seconds"];
	const collected = createCollected({
		now: elapsed,
		lifetimeMilliseconds: staleSeconds(intervalSeconds) * 1000,
	});
	const collector = createCollector({
		config: metricConfigFile,
		plugins: pluginsIn(settings["sensu-plugin-paths"]),
		// checks and collection cannot take each other's places
		runCommand: runnerOf(collectionCommands),
		store: async (samples) => {
			collected.enter(samples);
			await buffer.append(samples);
		},
		log,
		now,
		concurrency: collectionCommands,
		intervalMilliseconds: intervalSeconds * 1000,
		firstPassMilliseconds: firstPassMilliseconds(intervalSeconds),
	});
	const machineStates = createMachineStates({
		database,
		maxLifetimeSeconds: settings["machine-state-max-lifetime-seconds"],
		retention,
		room,
		now,
		log,
	});
	const snapshots = createSnapshots({
		commands: settings["machine-state-commands"],
		runCommand: runnerOf(1),
		timeoutSeconds: settings["command-timeout"],
		save: machineStates.save,
		intervalSeconds: settings["error-log-interval-seconds"],
		now,
		elapsed,
		log,
	});
	const relay = createHttpsFetch({
		trust,
		limits: { each: 128, all: 512, eachSlow: 8, allSlow: 64 },
		maxBodyBytes: settings["proxy-max-answer-bytes"],
	});
	const memory = createMemoryStatus();
	const loopDelay = createLoopDelay();
	const figures = createFigures();
	const requestCounts = settings["enable-requeststatus-middleware"]
		? createRequestCounts({ now: elapsed })
		: undefined;
	const accessLog = createAccessLog(log);
	let server: AgentServer;
	let keyPairs: KeyPairKeeper;
	const state: State = {
		version,
		startedAt,
		now,
		uptimeSeconds: () => (performance.now() - begun) / 1000,
		commands: () => ({
			engine: engine.name,
			running: commands.running,
			waiting: allPlaces.reduce((sum, { waiting }) => sum + waiting, 0),
			timeouts: commands.timeouts,
			survivors: commands.survivors,
			survivors_total: commands.survivorsTotal,
			left_behind: commands.leftBehind,
			left_behind_stopped_total: commands.leftBehindStoppedTotal,
		}),
		connections: () => {
			const { open, waiting } = server.connections;
			return { open, waiting };
		},
		eventLoop: loopDelay.read,
		collection: () => {
			const { error, warnings } = metricConfigFile.status();
			return {
				enabled: !settings["disable-collect-metrics"],
				interval_seconds: intervalSeconds,
				config_error: error,
				config_warnings: warnings,
				last_pass: shownPass(collector.last(), collector.age()),
			};
		},
		buffer,
		database,
		retention,
		room,
		certificate: () => shownCertificate(settings["public-key"], keyPairs),
		settings,
		table: daemonSettings,
	};
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
		maxLeaseSeconds: settings["metric-max-lease-seconds"],
		metricConfigFile,
		allowConfigUpdate: settings["config-update"],
		machineStates,
		onFailure: snapshots.take,
		relay: {
			fetch: relay.fetch,
			destinations: parseDestinations(settings["proxy-destinations"]),
			timeoutSeconds: settings["proxy-timeout-seconds"],
		},
		status: { report: () => reportStatus(state), memory, requestCounts },
		families: () => exportedFamilies({ state, figures, collected }),
	});
	const { checkReply } = parts;
	const serve = async () =>
		startServer({
			bound: await bindContract(document),
			handlers,
			...(checkReply && { checkReply }),
			access,
			deliveryTimes: parts.deliveryTimes,
			tls: tlsOptions(keyPair),
			limits: {
				maxConnections: settings["max-connections"],
				maxBodyBytes: settings["max-body-bytes"],
				waitSeconds: settings["connection-wait-seconds"],
				handshakeTimeoutSeconds: settings["handshake-timeout-seconds"],
				headersTimeoutSeconds: settings["headers-timeout-seconds"],
				requestTimeoutSeconds: settings["request-timeout-seconds"],
				idleTimeoutSeconds: settings["idle-timeout-seconds"],
			},
			where: {
				port: settings.port,
				...(settings["listen-address"] && { host: settings["listen-address"] }),
			},
			memory: createFairLimit({
				limit: settings["max-buffered-bytes"],
				keptFor: 2,
			}),
			onAnswered: (answered) => {
				accessLog(answered);
				figures.count(answered);
				if (answered.status !== undefined)
					requestCounts?.count(answered.path, answered.status);
			},
			log,
		});
	/** Nothing in the store has changed when the port or the store is not ours. */
	const giveUp = async (error: unknown): Promise<never> => {
		memory.close();
		loopDelay.close();
		await database.close();
		throw error;
	};
	server = await serve().catch(giveUp);
	await database.open().catch(async (error) => {
		await server.close(0);
		return giveUp(error);
	});
	// from here on it sees when the clock is set; a store that cannot be used is said elsewhere
	await retention.time().catch(() => {});
	server.serve();
	keyPairs = createKeyPairKeeper({
		files: keyFiles,
		look: asking.look,
		initial: keyPair,
		use: (pair) => server.renew(tlsOptions(pair)),
		log,
		now,
		intervalMilliseconds: settings["certificate-check-seconds"] * 1000,
	});
	keyPairs.start();
	const supervisor = createSupervisor({ engine, environment, log });
	if (!settings["disable-collect-metrics"]) collector.start();
	log.notice(
		`happo-agent ${version} started, listening on ${server.address} port ${server.port}, pid ${process.pid}, Node.js ${process.versions.node}`,
	);
	const ready = supervisor(
		"READY=1",
		`STATUS=listening on ${server.address} port ${server.port}`,
	);
	const reminders = readyAgainAfter.map((milliseconds) =>
		setTimeout(() => supervisor("READY=1"), milliseconds).unref(),
	);
	return {
		address: server.address,
		port: server.port,
		keyPair,
		reload: async () => {
			const collects = !settings["disable-collect-metrics"];
			await Promise.all([
				keyPairs.reload(),
				collects ? metricConfigFile.refresh() : undefined,
			]);
		},
		close: async () => {
			const collected = collector.stop();
			keyPairs.stop();
			for (const reminder of reminders) clearTimeout(reminder);
			await Promise.all([
				ready.then(() => supervisor("STOPPING=1")),
				server.close(connectionGraceMilliseconds),
				commands.close(commandTimes),
			]);
			relay.close();
			await Promise.all([collected, snapshots.settled()]);
			memory.close();
			loopDelay.close();
			await database.close();
		},
		kill: () => commands.kill(),
		exit: engine.exit,
	};
}
