import { once } from "node:events";
import { resolve } from "node:path";
import { version } from "../../generated/version.ts";
import { Abandoning } from "../../src/abandonment.ts";
import { OptionsError } from "../../src/client/index.ts";
import { type Log, type LogFormat, openLog } from "../../src/log.ts";
import { listenPlace, servePages } from "../../src/page-server.ts";
import { ListenError } from "../../src/passed-socket.ts";
import { unverifiedKey } from "../../src/protocol/api-key.ts";
import { textType } from "../../src/protocol/exposition.ts";
import { type Call, createCommand, valuesOf } from "../ctl/command.ts";
import { readFlagFile, readKeyFlag } from "../ctl/input-file.ts";
import { exchanges, unknownHostAdvice } from "../ctl/target/connection.ts";
import {
	keepKnownHosts,
	ofServices,
	openKnownHosts,
} from "../ctl/target/known-hosts.ts";
import { loadTrust } from "../ctl/target/trust.ts";
import { limitHeapGrowth } from "../memory-return.ts";
import { UsageError } from "../program/arguments.ts";
import {
	type AgentCalls,
	createAgentCalls,
	maxAnswerBytes,
} from "./agent-calls.ts";
import { Collector, type NamedTarget } from "./collector.ts";
import { isInShard, parseShard } from "./host-list.ts";
import { HostPins } from "./host-pins.ts";
import {
	createHostSource,
	HostSourceError,
	isUrl,
	shownSource,
} from "./host-source.ts";
import { metricsPage } from "./metrics-page.ts";
import { type DueQueue, QueueError } from "./queue.ts";
import { parseQueue } from "./queue-setting.ts";
import { collectorTrustSettings, runSettings } from "./run-settings.ts";
import { createTarget } from "./write/target.ts";
import { parseWrites } from "./write-setting.ts";

/** Milliseconds for stopping; less than systemd's 30 seconds. */
const stopMilliseconds = 12_000;

/** Added to interval and ack-after for the usual lease. */
const spareSeconds = 15;

/** The usual ack-after, of which the lease is made. */
const usualAckAfter = 30;

/** Agents close idle connections after 180 seconds; the collector must be first. */
const maxIdleMilliseconds = 170_000;

/** The quarantine file of a target. */
export function quarantineOf(
	file: string,
	consumer: string,
	targets: number,
): string {
	if (targets === 1) return resolve(file);
	const [, before = file, ending = ""] = /^(.+?)(\.\w+)?$/.exec(file) ?? [];
	return resolve(`${before}.${consumer}${ending}`);
}

/**
 * Reads the options, and the files that they name.
 * @throws UsageError
 */
async function readOptions({ flags, environment, say }: Call) {
	const own = valuesOf(runSettings, flags);
	const verification = valuesOf(collectorTrustSettings, flags);
	if (own.hosts === "") throw new UsageError("--hosts is missing");
	if (isUrl(own.hosts) && !URL.canParse(own.hosts))
		throw new UsageError("--hosts: not a URL");
	if (own.write.length === 0) throw new UsageError("--write is missing");
	const trust = await loadTrust(
		verification,
		environment.HAPPO_COLLECTOR_PRIVATE_KEY_PASSPHRASE,
	);
	if (own["key-file"] !== "" && verification.insecure)
		throw new UsageError(`--insecure: ${unverifiedKey}: not with --key-file`);
	const key = own["key-file"] === "" ? "" : readKeyFlag(own["key-file"], say);
	const hostsCa = await readFlagFile("hosts-ca-file", own["hosts-ca-file"]);
	const writeCa = await readFlagFile("write-ca-file", own["write-ca-file"]);
	const servers = parseQueue(own.queue);
	const credentials = await readFlagFile(
		"queue-credentials",
		own["queue-credentials"],
	);
	const queueCa = await readFlagFile("queue-ca-file", own["queue-ca-file"]);
	const isKnown = credentials !== undefined || servers.user !== undefined;
	if (!servers.isLocal && !(servers.hasTls && isKnown))
		throw new UsageError(
			"--queue: servers on other machines need tls:// and --queue-credentials or USER:PASSWORD@",
		);
	if (own.queue.length > 0 && own.shard !== "1/1")
		throw new UsageError("--shard: cannot be used with --queue");
	const ackAfter = own["ack-after"] === -1 ? undefined : own["ack-after"];
	return {
		...{ own, verification, environment, trust, key },
		...{ hostsCa, writeCa, servers, queueCa, ackAfter },
		leaseSeconds:
			own["lease-seconds"] ||
			own.interval + (ackAfter ?? usualAckAfter) + spareSeconds,
	};
}

type Options = Awaited<ReturnType<typeof readOptions>>;

/** What has to be closed at the end, the last one first. */
type Closing = (() => void | Promise<void>)[];

/** Runs something whose errors are about an option, and names that. */
function ofOption<T>(option: string, create: () => T): T {
	try {
		return create();
	} catch (error) {
		if (error instanceof OptionsError)
			throw new UsageError(`${option}: ${error.message}`);
		throw error;
	}
}

/** What a collector runs with, beside its options. */
interface Parts {
	options: Options;
	log: Log;
	closing: Closing;
}

/** How many hosts are asked at a time. */
function limitsOf({ own }: Options) {
	const places = own["max-passes"];
	return {
		all: places,
		each: Math.ceil(places / 4),
		allSlow: Math.ceil(places / 2),
		eachSlow: Math.ceil(places / 16),
	};
}

/** The connections to agents, and how they are verified. */
function openAgents({ options, log, closing }: Parts): {
	calls: AgentCalls;
	pins: HostPins;
} {
	const { own, verification, trust, key, leaseSeconds } = options;
	const known = openKnownHosts(verification, {
		place: ofServices,
		sendsKey: key !== "",
		say: (line) => log.notice(line),
	});
	const limits = limitsOf(options);
	const pools = exchanges(
		trust,
		(hop) => pins.of(hop) ?? known.pin(hop),
		undefined,
		{
			maxAnswerBytes,
			maxConnections: limits.each + limits.eachSlow,
			kept: {
				maxIdleOfAll: own["max-connections"],
				idleMilliseconds: Math.min(maxIdleMilliseconds, own.interval * 1500),
			},
		},
	);
	closing.push(pools.close);
	const pins = new HostPins({
		forget: pools.forget,
		// as long as the collector acknowledges what such a host has leased
		keptMilliseconds: (leaseSeconds + own.interval) * 1_000,
	});
	known.changed = pools.forget;
	const kept = keepKnownHosts(known, log);
	const reload = () => void kept.reload();
	process.on("SIGHUP", reload);
	closing.push(() => {
		process.off("SIGHUP", reload);
		kept.stop();
	});
	kept.start();
	const abandoning = new Abandoning();
	closing.push(() => abandoning.abort());
	const calls = createAgentCalls({
		exchangeTo: pools.to,
		isVerified: pools.isVerified,
		// whoever gives a CA does not want to hear of other ways
		...(verification["ca-file"] === "" && {
			adviceOf: (hop, code, timeoutMilliseconds) =>
				unknownHostAdvice(hop, code, {
					...{ timeoutMilliseconds, known, signal: abandoning },
				}),
		}),
		...{ key, leaseSeconds },
		timeoutMilliseconds: own["timeout-seconds"] * 1000,
		signal: abandoning,
	});
	return { calls, pins };
}

/** The stores. */
function openTargets({ options, log, closing }: Parts): NamedTarget[] {
	const { own, environment, writeCa, ackAfter } = options;
	const targets: NamedTarget[] = [];
	const writes = parseWrites(own.write);
	for (const { consumer, url, shown } of writes) {
		const target = ofOption(`--write ${shown}`, () =>
			createTarget({
				...{ consumer, url, environment, log },
				...(writeCa && { ca: writeCa.toString("utf8") }),
				ackAfterSeconds: ackAfter,
				quarantineFile: quarantineOf(own.quarantine, consumer, writes.length),
			}),
		);
		closing.push(() => target.close(0));
		targets.push({ consumer, url: shown, target });
	}
	return targets;
}

/** The queue that shares the hosts; undefined without --queue. */
async function openQueue({ options, log, closing }: Parts) {
	const { own, servers, queueCa } = options;
	if (own.queue.length === 0) return undefined;
	// loaded only where it is used
	const { openDueQueue } = await import("./due-queue.ts");
	const queue: DueQueue = await openDueQueue({
		...servers,
		name: own["queue-name"],
		credentialsFile: own["queue-credentials"] || undefined,
		...(servers.hasTls && { tls: { ca: queueCa?.toString("utf8") } }),
		intervalSeconds: own.interval,
		passSeconds: Math.max(own.interval, 3 * own["timeout-seconds"]),
		log,
	});
	closing.push(() => queue.close());
	return queue;
}

/** Serves the pages of a collector. Returns their port. */
async function servePagesOf(
	collector: Collector,
	{ options, closing }: Parts,
): Promise<number> {
	const place = listenPlace(options.own.listen) ?? { host: "", port: 0 };
	const pages = await servePages("--listen", place, {
		"/metrics": {
			type: textType,
			text: () => {
				const states = collector.states();
				return metricsPage(collector.status(states), states);
			},
		},
		"/status": {
			type: "application/json",
			text: () => `${JSON.stringify(collector.status())}\n`,
		},
	});
	closing.push(pages.close);
	return pages.port;
}

/** The list of hosts, which a collector follows. */
function openSource(
	collector: Collector,
	pins: HostPins,
	{ options, log, closing }: Parts,
) {
	const { own, environment, hostsCa } = options;
	const shard = parseShard(own.shard) ?? { number: 1, of: 1 };
	const source = ofOption(`--hosts ${shownSource(own.hosts)}`, () =>
		createHostSource({
			...{ from: own.hosts, ca: hostsCa, environment, log },
			take: (hosts, leftOut) => {
				const mine = hosts.filter(({ key }) => isInShard(key, shard));
				pins.set(mine);
				collector.setHosts(mine, leftOut);
			},
			failed: (reason) => collector.listFailed(reason),
		}),
	);
	closing.push(source.stop);
	return source;
}

/** Runs a collector until a signal stops it. */
async function serve(parts: Parts): Promise<void> {
	const { options, log } = parts;
	const { own, verification, leaseSeconds } = options;
	const stopping = Promise.race(
		(["SIGTERM", "SIGINT"] as const).map((signal) =>
			once(process, signal).then(() => signal),
		),
	);
	const { calls, pins } = openAgents(parts);
	const targets = openTargets(parts);
	const queue = await openQueue(parts);
	const collector = new Collector({
		...{ queue, calls, targets, leaseSeconds, log },
		limits: limitsOf(options),
		intervalSeconds: own.interval,
		shard: own.shard,
		drainsV1: own["v1-drain"],
	});
	const port = await servePagesOf(collector, parts);
	const source = openSource(collector, pins, parts);
	if (verification.insecure)
		log.warning("certificates of agents are not verified");
	if (own["v1-drain"])
		log.warning(
			"--v1-drain: what is drained from v1 (Go) can be lost: it deletes its metrics before they are written",
		);
	await source.start();
	collector.start();
	log.notice(
		`happo-collector ${version}: polls every ${own.interval} s, leases of ${leaseSeconds} s, /metrics is on port ${port}`,
	);
	log.notice(`${await stopping}: stopping`);
	source.stop();
	await collector.stop(stopMilliseconds);
	await queue?.close();
	log.notice(`happo-collector ${version} stopped`);
}

export const runCommand = createCommand(
	{
		name: "run",
		help: {
			usage: "run --hosts FILE|URL --write URL [OPTION...]",
			summary: "poll agents and write their metrics to time series stores",
			details:
				"Runs until SIGTERM or SIGINT. Each host has a time of its own in the interval. The collector leases what an agent has stored, writes it, and acknowledges it only after the store has run on for --ack-after, with the host's next pass; so neither a killed collector nor a killed store loses samples. It has no state: agents keep what is not acknowledged.\nHosts with the label __fingerprint__ are verified by that alone, and so are those in the file of known hosts; give --ca-file, --fingerprint or --insecure for the others, which are verified with the CAs that Node knows otherwise.",
			examples: [
				"run --hosts /etc/happo/hosts.json --ca-file /etc/happo/ca.pem --write http://127.0.0.1:8428/api/v1/write",
				"run --hosts hosts.json --shard 2/5 --write vm=http://127.0.0.1:8428/api/v1/write,prom=http://127.0.0.1:9090/api/v1/write",
			],
			settings: runSettings,
			shared: [
				{
					title: "How to verify certificates",
					settings: collectorTrustSettings,
				},
			],
		},
		async run(call) {
			const options = await readOptions(call);
			limitHeapGrowth();
			const log = openLog(options.own.logfile, "info", {
				format: options.own["log-format"] as LogFormat,
			});
			const closing: Closing = [log.close];
			process.on("SIGHUP", log.reopen);
			closing.push(() => void process.off("SIGHUP", log.reopen));
			try {
				await serve({ options, log, closing });
				return 0;
			} catch (error) {
				if (
					!(
						error instanceof ListenError ||
						error instanceof HostSourceError ||
						error instanceof QueueError
					)
				)
					throw error;
				call.say(error.message);
				return 1;
			} finally {
				for (const close of closing.reverse()) await close();
			}
		},
	},
	"happo-collector",
);
