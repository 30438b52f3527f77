import { setTimeout as sleep } from "node:timers/promises";
import { contract as document } from "../generated/contract.ts";
import { adminSocketOf } from "./agent/admin-socket.ts";
import {
	type Authorization,
	createAuthorization,
} from "./agent/authorization.ts";
import { createCollection } from "./agent/collection.ts";
import { createExecution } from "./agent/commands.ts";
import {
	keepCredentials,
	loadCredentials,
	serverTls,
} from "./agent/credentials.ts";
import { shownNrpe, startNrpe, wantsNrpe } from "./agent/nrpe.ts";
import { createOpened, type Opened } from "./agent/opened.ts";
import { warnOfRisks } from "./agent/start-warnings.ts";
import {
	createState,
	shownCertificate,
	shownClientTrust,
} from "./agent/state.ts";
import {
	answerMilliseconds,
	commandGraceMilliseconds,
	graceMilliseconds,
	maxStopMilliseconds,
	stopping,
} from "./agent/stop-times.ts";
import { createStore, openWhenFree } from "./agent/store.ts";
import { createSupervisor } from "./agent/supervisor.ts";
import { AuditLogError, createAuditLog } from "./audit/audit-log.ts";
import { systemAsking } from "./commands/lookups.ts";
import { createFairLimit } from "./fair-limit.ts";
import { createHandlers } from "./handlers/index.ts";
import { createCheck } from "./handlers/monitor.ts";
import { recordCheck } from "./handlers/recorded-check.ts";
import { createAccessLog } from "./http/access-log.ts";
import { bindContract } from "./http/bind.ts";
import type { DeliveryTimes } from "./http/connection.ts";
import type { Answered, Replied } from "./http/reply.ts";
import { startServer } from "./http/server.ts";
import type { Log } from "./log.ts";
import { createSnapshots } from "./machine-state/snapshot.ts";
import type { NrpePort } from "./nrpe/server.ts";
import type { PassedListener } from "./passed-socket.ts";
import { untilAnswered } from "./polled-files.ts";
import { parseAllowedHosts } from "./protocol/access.ts";
import { parseDestinations } from "./protocol/destinations.ts";
import { createHttpsFetch } from "./relay/https-fetch.ts";
import type { DaemonSettings } from "./settings.ts";
import { loadNativeAddon } from "./spawn/native-addon.ts";
import { CheckResults } from "./status/check-results.ts";
import { createCollectedFamilies } from "./status/collected-families.ts";
import { exportedFamilies } from "./status/exported.ts";
import { createFigures } from "./status/figures.ts";
import { createLoopDelay } from "./status/loop-delay.ts";
import { createMemoryStatus } from "./status/memory.ts";
import { reportStatus } from "./status/report.ts";
import { createRequestCounts } from "./status/request-counts.ts";
import { createTicker } from "./ticker.ts";
import { createClientCertificates } from "./tls/client-certificates.ts";
import type { KeyPair } from "./tls/key-pair.ts";
import { inTurn } from "./turn.ts";

/** The version of the product and of the contract. */
export const version: string = document.info.version;

/** A started agent. */
export interface Agent {
	/** Address it listens on; `::` is every address, IPv4 and IPv6. */
	readonly address: string;
	readonly port: number;
	readonly keyPair: KeyPair;
	/** Path of its admin socket; undefined if it has none. */
	readonly adminSocket: string | undefined;
	/**
	 * Reloads the certificate, its key, the CAs of clients, the policy and metrics.yaml, and reopens the
	 * audit log. If a file is invalid, logs it and keeps the old contents.
	 */
	reload(): Promise<void>;
	/** Stops all parts in the reverse order of startup. */
	close(): Promise<void>;
	/** Kills all commands, for when there is no time to close. */
	kill(): void;
	/**
	 * Ends this process even if threads hang in a file system; undefined if the engine cannot do
	 * that.
	 */
	exit?: ((status: number) => void) | undefined;
}

/** What startAgent() needs. */
export interface AgentParts {
	settings: DaemonSettings;
	environment: NodeJS.ProcessEnv;
	log: Log;
	/** A socket that listens already, in place of the settings' address and port. */
	listener?: PassedListener | undefined;
	/** Aborted when the agent is to stop, which ends a wait during startup. */
	stopping?: AbortSignal;
	/** Directory of the plugins that come with the agent. */
	ownPlugins?: string;
	/** Called with every reply before it is sent; throws if the reply is invalid. For tests. */
	checkReply?: (operationId: string, reply: Replied) => void;
	/** Replaces the default times in tests. */
	deliveryTimes?: DeliveryTimes;
}

/**
 * When to send READY=1 again, in milliseconds after startup: systemd before 246 (RHEL 8) may lose a
 * message if its sender has ended before systemd reads it. Repeating it does no harm.
 */
const readyAgainAfter = [2_000, 15_000];

/**
 * Builds the agent from its settings and starts it. This is the only place that knows the order of
 * the parts. If a part fails, closes those that were opened before it.
 * @throws AccessError for an invalid `allowed-hosts`, an Error with the reason if the engine cannot
 * be loaded, PolicyError for the policy, KeyPairError for the certificate and its key,
 * ClientTrustError for the CAs of clients, TrustError for those of relays, AuditLogError for the
 * audit log, SocketFileError for the admin socket, StoreLocked if another process uses the store,
 * and the system's error for the port
 */
export async function startAgent(parts: AgentParts): Promise<Agent> {
	const opened = createOpened();
	try {
		return await start(parts, opened);
	} catch (error) {
		// the first error says more than errors while closing
		await opened.unwind().catch(() => {});
		throw error;
	}
}

/** Opens the audit log, once its file system answers; undefined if the settings name none. */
async function openAuditLog(
	{ settings, log }: AgentParts,
	look: (file: string) => Promise<unknown>,
) {
	const file = settings["audit-log"];
	const required = settings["audit-required"];
	if (file === "" && required)
		throw new AuditLogError("audit-required: requires audit-log");
	if (file === "") return undefined;
	await untilAnswered({ files: [file], look, log });
	return createAuditLog({ file, required, log });
}

async function start(parts: AgentParts, opened: Opened): Promise<Agent> {
	const { settings, environment, log } = parts;
	const access = parseAllowedHosts(settings["allowed-hosts"]);
	const asking = systemAsking();
	const { look } = asking;
	let authorization: Authorization | undefined;
	// the policy may change while the agent runs
	const policy = () => authorization?.policy?.current().policy;
	const policyMode = () => policy()?.mode ?? "none";
	const execution = createExecution({
		settings,
		environment,
		asking,
		ownPlugins: parts.ownPlugins,
		isEnforced: () => policyMode() === "enforce",
		log,
	});
	const { engine, commands } = execution;
	const credentials = await loadCredentials({ settings, look, log });
	const { keyFiles, keyPair, own, trust, clients } = credentials;
	// durations need a monotonic clock: somebody may set the wall clock
	const clocks = { now: Date.now, elapsed: () => performance.now() };
	const certificates =
		clients &&
		createClientCertificates({ ...clocks, initial: clients.trust, log });

	const store = createStore({ settings, ...clocks, log });
	const { database, retention, buffer, machineStates } = store;
	opened.push(() => database.close());
	const openStore = async (maxMilliseconds: number) => {
		const signal = parts.stopping;
		await openWhenFree(database, { maxMilliseconds, signal, log });
		// from now on it notices when the clock is set; errors of the store are reported elsewhere
		await retention.time().catch(() => {});
	};
	const { checkReply, listener } = parts;
	// a passed port is ours already, and its queue keeps connections until the agent can serve them;
	// the lock of the store also keeps two agents from writing to one audit log
	if (listener) await openStore(maxStopMilliseconds(settings));
	const audit = await openAuditLog(parts, look);
	// after the requests that it records
	opened.push(() => audit?.close());
	authorization = await createAuthorization({
		settings,
		look,
		audit,
		log,
	});
	const answersNrpe = wantsNrpe(settings, policyMode());
	await warnOfRisks({
		...{ settings, keyPair, trust, log },
		policyMode: policyMode(),
		isBastion:
			policyMode() !== "enforce" ||
			policy()?.rules.some(({ to }) => to.length > 0) === true,
	});
	const memory = createMemoryStatus();
	opened.push(() => memory.close());
	const loopDelay = createLoopDelay();
	opened.push(() => loopDelay.close());

	const collection = createCollection({
		...{ settings, execution, buffer, asking, log },
		...clocks,
	});
	const { metricConfigFile, collector, collected } = collection;
	// the commands, which are closed earlier, include the plugins of a pass
	opened.push(() => collector.stop());
	const snapshots = createSnapshots({
		commands: settings["machine-state-commands"],
		runCommand: execution.runnerOf(1),
		timeoutSeconds: settings["command-timeout"],
		save: machineStates.save,
		intervalSeconds: settings["error-log-interval-seconds"],
		...clocks,
		log,
	});
	opened.push(() => snapshots.settled());
	const relay = createHttpsFetch({
		trust,
		limits: { each: 128, all: 512, eachSlow: 8, allSlow: 64 },
		maxBodyBytes: settings["proxy-max-answer-bytes"],
	});
	opened.push(() => relay.close());

	const state = createState({
		...{ settings, now: clocks.now, execution, store, collector },
		...{ metricConfigFile, loopDelay, relay, keyPair, audit, authorization },
		certificateFile: keyFiles.certificateFile,
	});
	const figures = createFigures();
	const requestCounts = settings["enable-requeststatus-middleware"]
		? createRequestCounts({ now: clocks.elapsed })
		: undefined;
	const accessLog = createAccessLog(log);
	const runCommand = execution.runnerOf(settings["max-commands"]);
	const collectedFamilies = createCollectedFamilies({ collected, log });
	const checkResults = new CheckResults({ ...clocks, log });
	const runCheck = recordCheck(
		createCheck({
			plugins: execution.pluginsIn("nagios-plugin-paths"),
			runCommand,
		}),
		checkResults,
	);
	const handlers = createHandlers({
		runCheck,
		runCommand,
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
		families: () =>
			exportedFamilies({
				...{ state, figures, checkResults, collected, collectedFamilies },
			}),
		results: () => checkResults.all(),
		pluginList: execution.listPlugins,
		refusals: async () => authorization?.authorizer.refusals() ?? [],
	});

	const addon = loadNativeAddon();
	const duplicate = "reason" in addon ? undefined : addon.duplicate;
	const buffered = createFairLimit({
		limit: settings["max-buffered-bytes"],
		keptFor: 2,
	});
	const onAnswered = (answered: Answered) => {
		accessLog(answered);
		figures.count(answered);
		// NRPE has no paths
		if (answered.status !== undefined && answered.operationId !== "nrpe")
			requestCounts?.count(answered.path, answered.status);
	};
	const tls = serverTls(keyPair, clients?.trust);
	const adminSocket = adminSocketOf({ settings, addon, log });
	const server = await startServer({
		bound: await bindContract(document),
		handlers,
		...(checkReply && { checkReply }),
		access,
		authorizer: authorization?.authorizer,
		deliveryTimes: parts.deliveryTimes,
		duplicate,
		tls,
		certificates,
		limits: {
			maxConnections: settings["max-connections"],
			maxBodyBytes: settings["max-body-bytes"],
			waitSeconds: settings["connection-wait-seconds"],
			handshakeTimeoutSeconds: settings["handshake-timeout-seconds"],
			headersTimeoutSeconds: settings["headers-timeout-seconds"],
			requestTimeoutSeconds: settings["request-timeout-seconds"],
			idleTimeoutSeconds: settings["idle-timeout-seconds"],
		},
		adminSocket,
		where: listener?.socket ?? {
			port: settings.port,
			...(settings["listen-address"] && { host: settings["listen-address"] }),
		},
		memory: buffered,
		onAnswered,
		log,
	});
	let nrpe: NrpePort | undefined;
	const supervisor = createSupervisor({ engine, environment, log });
	const tell = inTurn();
	opened.push(async () => {
		const grace = graceMilliseconds(settings);
		const begun = performance.now();
		const closed = server.close(grace + answerMilliseconds, nrpe?.close());
		// connections that are open may still bring requests, whose commands must run
		const late = new AbortController();
		await Promise.race([closed, sleep(grace, undefined, late).catch(() => {})]);
		late.abort();
		await Promise.all([
			// wait until all notifications are sent
			tell(async () => {}),
			closed,
			commands.close({
				patienceMilliseconds: Math.max(0, begun + grace - performance.now()),
				graceMilliseconds: commandGraceMilliseconds,
			}),
		]);
	});
	if (answersNrpe && authorization) {
		const port = await startNrpe({
			...{ settings, server, authorizer: authorization.authorizer, tls },
			...{ version, memory: buffered, onAnswered, duplicate, log },
			...{ runCheck, onFailure: snapshots.take },
		});
		nrpe = port;
		state.nrpe = () => shownNrpe(port, settings);
	}
	state.connections = () => {
		const { open, waiting } = server.connections;
		return { open, waiting };
	};
	// change nothing in the store before the port is ours
	if (!listener) await openStore(0);
	server.serve();

	const kept = keepCredentials({
		...{ credentials, certificates, look, log, now: clocks.now },
		renew: (tls) => {
			server.renew(tls);
			nrpe?.renew(tls);
		},
		intervalMilliseconds: settings["certificate-check-seconds"] * 1000,
	});
	const { keyPair: keyPairs, clientTrust } = kept;
	for (const files of [keyPairs, clientTrust]) {
		if (files) opened.push(() => files.stop());
		files?.start();
	}
	if (own) {
		// what it writes, the keeper finds
		const renewal = createTicker({
			tick: own.renew,
			intervalMilliseconds: settings["certificate-check-seconds"] * 1000,
		});
		opened.push(() => renewal.stop());
		renewal.start();
	}
	opened.push(() => authorization?.policy?.stop());
	authorization?.policy?.start();
	state.certificate = () =>
		shownCertificate(
			keyFiles.certificateFile,
			keyPairs.current(),
			keyPairs.problem,
		);
	state.clientCertificates = () =>
		clients && clientTrust
			? shownClientTrust(
					clients.files,
					clientTrust.current(),
					clientTrust.problem,
				)
			: null;
	const collects = !settings["disable-collect-metrics"];
	if (collects) {
		// do not wait: its plugins end with the commands
		opened.push(() => void collector.stop());
		collector.start();
	}
	const { address, port } = server;
	log.notice(
		`happo-agent ${version} started, listening on ${address} port ${port}, pid ${process.pid}, Node.js ${process.versions.node}`,
	);
	if (nrpe) log.notice(`NRPE: listening on ${nrpe.address} port ${nrpe.port}`);
	const isReady = (...states: string[]) =>
		tell(() => supervisor("READY=1", ...states));
	void isReady(`STATUS=listening on ${address} port ${port}`);
	const reminders = readyAgainAfter.map((milliseconds) =>
		setTimeout(isReady, milliseconds).unref(),
	);
	opened.push(() => {
		for (const reminder of reminders) clearTimeout(reminder);
		void tell(() => supervisor(...stopping(settings)));
	});
	return {
		address,
		port,
		keyPair,
		adminSocket: adminSocket?.file,
		reload: async () => {
			audit?.reopen();
			await Promise.all([
				keyPairs.reload(),
				clientTrust?.reload(),
				authorization?.policy?.reload(),
				collects ? metricConfigFile.refresh() : undefined,
			]);
		},
		close: () => opened.unwind(),
		kill: () => commands.kill(),
		exit: engine.exit,
	};
}
