import { once } from "node:events";
import { resolve } from "node:path";
import { version } from "../../generated/version.ts";
import { Abandoning } from "../../src/abandonment.ts";
import { OptionsError } from "../../src/client/index.ts";
import { type LogFormat, openLog } from "../../src/log.ts";
import { listenPlace, servePages } from "../../src/page-server.ts";
import { ListenError } from "../../src/passed-socket.ts";
import { unverifiedKey } from "../../src/protocol/api-key.ts";
import { textType } from "../../src/protocol/exposition.ts";
import type { SettingTable } from "../../src/setting-table.ts";
import { createCommand, valuesOf } from "../ctl/command.ts";
import { manyHostsTrustSettings } from "../ctl/flags.ts";
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
import { createAgentCalls, maxAnswerBytes } from "./agent-calls.ts";
import { Collector, type NamedTarget } from "./collector.ts";
import { metricsPage } from "./figures.ts";
import { isInShard, parseShard } from "./host-list.ts";
import { HostPins } from "./host-pins.ts";
import {
	createHostSource,
	HostSourceError,
	isUrl,
	shownSource,
} from "./host-source.ts";
import { listenSetting } from "./listen.ts";
import { type DueQueue, QueueError } from "./queue.ts";
import { parseQueue } from "./queue-setting.ts";
import { createTarget } from "./write/target.ts";
import { parseWrites } from "./write-setting.ts";

/** The check of a setting whose entries are parsed: what the parser says is wrong with them. */
const faultOf =
	(parse: (entries: readonly string[]) => unknown) =>
	(entries: readonly string[]): string | undefined => {
		try {
			parse(entries);
			return undefined;
		} catch (error) {
			return (error as Error).message;
		}
	};

const settings = {
	hosts: {
		kind: "text",
		default: "",
		placeholder: "FILE|URL",
		help: "list of agents in the JSON format of Prometheus' file_sd and http_sd. The label __via__ has the bastions in front of an agent, HOST[:PORT],..., nearest to the collector first; __fingerprint__ the SHA-256 of the certificate of the first hop, or sha256// and that of its public key in base64. A file is read again when it changes, a URL every minute",
	},
	"hosts-ca-file": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "CA certificate (PEM) that verifies an https URL of --hosts; replaces the CAs that Node knows",
	},
	write: {
		kind: "list",
		default: [],
		placeholder: "[CONSUMER=]URL,...",
		help: "stores to write to with remote write 1.0, such as http://127.0.0.1:8428/api/v1/write; can be repeated. CONSUMER is the name under which agents know who takes their metrics for this store (their setting metric-consumers); for one store it may be left out and is fleet",
		check: faultOf(parseWrites),
	},
	"write-ca-file": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "CA certificate (PEM) that verifies https URLs of --write; replaces the CAs that Node knows",
	},
	interval: {
		kind: "integer",
		default: 60,
		minimum: 1,
		maximum: 3600,
		placeholder: "SECONDS",
		help: "time between two passes of a host",
	},
	"ack-after": {
		kind: "integer",
		default: -1,
		unset: -1,
		minimum: 0,
		maximum: 3600,
		placeholder: "SECONDS",
		help: "how long the store must run on before samples are acknowledged, as it loses the last ones if it is killed; by default 30, and 0 for Prometheus",
	},
	"lease-seconds": {
		kind: "integer",
		default: 0,
		minimum: 0,
		maximum: 86_400,
		placeholder: "SECONDS",
		help: "duration of a lease; 0: interval + ack-after + 15. Agents grant at most their setting metric-max-lease-seconds",
	},
	quarantine: {
		kind: "text",
		default: "quarantine.ndjson",
		placeholder: "FILE",
		help: "file for samples that a store cannot take, with the reasons; with several stores, the consumer's name is added to the file's",
	},
	shard: {
		kind: "text",
		default: "1/1",
		placeholder: "NUMBER/OF",
		help: "poll only this part of the hosts: 2/5 is the second of five collectors, each of which needs the same list",
		check: (text) =>
			parseShard(text) ? undefined : `not NUMBER/OF, such as 2/5: ${text}`,
	},
	queue: {
		kind: "list",
		default: [],
		placeholder: "nats://HOST[:PORT],...",
		help: "share the hosts with all collectors that use these servers of NATS, instead of --shard: each host that is due is asked by one of them, and the others go on if one dies. Of a cluster, name at least three servers: then one of them may die, too. Servers on other machines need tls:// and --queue-credentials, or USER:PASSWORD@ before HOST",
		check: faultOf(parseQueue),
	},
	"queue-name": {
		kind: "text",
		default: "happo",
		placeholder: "NAME",
		help: "name of the queue; collectors with the same name share the hosts and have the same list and interval",
		check: (text) =>
			/^[A-Za-z0-9_-]{1,32}$/.test(text)
				? undefined
				: `not a name of letters, digits, _ and -: ${text}`,
	},
	"queue-credentials": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "file with the credentials of a user of NATS (.creds)",
	},
	"queue-ca-file": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "CA certificate (PEM) that verifies the servers of a tls:// --queue; replaces the CAs that Node knows",
	},
	"v1-drain": {
		kind: "switch",
		default: false,
		help: "drain agents of v1 (Go), which have no leases: what is drained and not written when the collector is killed or the store refuses it is lost",
	},
	"timeout-seconds": {
		kind: "integer",
		default: 10,
		minimum: 1,
		maximum: 600,
		placeholder: "SECONDS",
		help: "seconds to wait for the answer of an agent",
	},
	"max-passes": {
		kind: "integer",
		default: 128,
		minimum: 1,
		maximum: 4_096,
		placeholder: "COUNT",
		help: "maximum number of hosts that are asked at a time, of these at most a quarter behind one bastion; half as many more that did not answer in time the last time",
	},
	"max-connections": {
		kind: "integer",
		default: 2_000,
		minimum: 0,
		maximum: 60_000,
		placeholder: "COUNT",
		help: "maximum number of idle connections that are kept; each takes about 85 KiB of memory and saves 3 ms of CPU in each pass",
	},
	"key-file": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "file whose first line is the key that says who asks; only sent to agents that are verified. Bastions can read it",
	},
	listen: listenSetting(
		"serve /metrics for Prometheus and /status here, over plain HTTP",
	),
	logfile: {
		kind: "text",
		short: "l",
		default: "-",
		placeholder: "FILE",
		help: "log file; - is standard output. SIGHUP opens it again",
	},
	"log-format": {
		kind: "choice",
		default: "text",
		choices: { text: "text", json: "json" },
		placeholder: "text|json",
		help: "format of log lines",
	},
} as const satisfies SettingTable;

const collectorTrustSettings = {
	...manyHostsTrustSettings,
	"private-key": {
		...manyHostsTrustSettings["private-key"],
		help: "key of --certificate (PEM); its passphrase comes from HAPPO_COLLECTOR_PRIVATE_KEY_PASSPHRASE",
	},
} as const satisfies SettingTable;

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
			settings,
			shared: [
				{
					title: "How to verify certificates",
					settings: collectorTrustSettings,
				},
			],
		},
		async run({ flags, environment, say }) {
			const own = valuesOf(settings, flags);
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
				throw new UsageError(
					`--insecure: ${unverifiedKey}: not with --key-file`,
				);
			const key =
				own["key-file"] === "" ? "" : readKeyFlag(own["key-file"], say);
			const known = openKnownHosts(verification, {
				place: ofServices,
				sendsKey: key !== "",
				say: (line) => log.notice(line),
			});
			const hostsCa = await readFlagFile("hosts-ca-file", own["hosts-ca-file"]);
			const writeCa = await readFlagFile("write-ca-file", own["write-ca-file"]);
			const writes = parseWrites(own.write);
			const ackAfter = own["ack-after"];
			const leaseSeconds =
				own["lease-seconds"] ||
				own.interval +
					(ackAfter === -1 ? usualAckAfter : ackAfter) +
					spareSeconds;
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
			const shard = parseShard(own.shard) ?? { number: 1, of: 1 };
			limitHeapGrowth();
			const log = openLog(own.logfile, "info", {
				format: own["log-format"] as LogFormat,
			});
			const places = own["max-passes"];
			const limits = {
				all: places,
				each: Math.ceil(places / 4),
				allSlow: Math.ceil(places / 2),
				eachSlow: Math.ceil(places / 16),
			};
			const pools = exchanges(
				trust,
				(hop) => pins.of(hop) ?? known.pin(hop),
				undefined,
				{
					maxAnswerBytes,
					maxConnections: limits.each + limits.eachSlow,
					kept: {
						maxIdleOfAll: own["max-connections"],
						idleMilliseconds: Math.min(
							maxIdleMilliseconds,
							own.interval * 1500,
						),
					},
				},
			);
			const pins = new HostPins({
				forget: pools.forget,
				// as long as the collector acknowledges what such a host has leased
				keptMilliseconds: (leaseSeconds + own.interval) * 1_000,
			});
			known.changed = pools.forget;
			const kept = keepKnownHosts(known, log);
			const abandoning = new Abandoning();
			const stopping = Promise.race(
				(["SIGTERM", "SIGINT"] as const).map((signal) =>
					once(process, signal).then(() => signal),
				),
			);
			const reopen = () => {
				log.reopen();
				void kept.reload();
			};
			process.on("SIGHUP", reopen);
			let targets: readonly NamedTarget[] = [];
			let queue: DueQueue | undefined;
			let pages: { port: number; close(): void } | undefined;
			let source: ReturnType<typeof createHostSource> | undefined;
			try {
				targets = writes.map(({ consumer, url, shown }) => ({
					consumer,
					url: shown,
					target: createTarget({
						...{ consumer, url, environment, log },
						...(writeCa && { ca: writeCa.toString("utf8") }),
						...(ackAfter !== -1 && { ackAfterSeconds: ackAfter }),
						quarantineFile: quarantineOf(
							own.quarantine,
							consumer,
							writes.length,
						),
					}),
				}));
				if (own.queue.length > 0)
					// loaded only where it is used
					queue = await (await import("./due-queue.ts")).openDueQueue({
						...servers,
						name: own["queue-name"],
						...(credentials && {
							credentialsFile: own["queue-credentials"],
						}),
						...(servers.hasTls && { tls: { ca: queueCa?.toString("utf8") } }),
						intervalSeconds: own.interval,
						passSeconds: Math.max(own.interval, 3 * own["timeout-seconds"]),
						log,
					});
				const collector = new Collector({
					queue,
					calls: createAgentCalls({
						exchangeTo: pools.to,
						isVerified: pools.isVerified,
						// whoever gives a CA does not want to hear of other ways
						...(verification["ca-file"] === "" && {
							adviceOf: (hop, code, timeoutMilliseconds) =>
								unknownHostAdvice(hop, code, { timeoutMilliseconds, known }),
						}),
						...{ key, leaseSeconds },
						timeoutMilliseconds: own["timeout-seconds"] * 1000,
						signal: abandoning,
					}),
					...{ targets, leaseSeconds, limits, log },
					intervalSeconds: own.interval,
					shard: own.shard,
					drainsV1: own["v1-drain"],
				});
				const place = listenPlace(own.listen) ?? { host: "", port: 0 };
				pages = await servePages("--listen", place, {
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
				source = createHostSource({
					...{ from: own.hosts, ca: hostsCa, environment, log },
					take: (hosts, leftOut) => {
						const mine = hosts.filter(({ key }) => isInShard(key, shard));
						pins.set(mine);
						collector.setHosts(mine, leftOut);
					},
					failed: (reason) => collector.listFailed(reason),
				});
				if (verification.insecure)
					log.warning("certificates of agents are not verified");
				if (own["v1-drain"])
					log.warning(
						"--v1-drain: what is drained from v1 (Go) can be lost: it deletes its metrics before they are written",
					);
				kept.start();
				await source.start();
				collector.start();
				log.notice(
					`happo-collector ${version}: polls every ${own.interval} s, leases of ${leaseSeconds} s, /metrics is on port ${pages.port}`,
				);
				log.notice(`${await stopping}: stopping`);
				source.stop();
				await collector.stop(stopMilliseconds);
				await queue?.close();
				log.notice(`happo-collector ${version} stopped`);
				return 0;
			} catch (error) {
				if (error instanceof OptionsError)
					throw new UsageError(
						`${isUrl(own.hosts) ? `--hosts ${shownSource(own.hosts)}: ` : ""}${error.message}`,
					);
				if (
					!(
						error instanceof ListenError ||
						error instanceof HostSourceError ||
						error instanceof QueueError
					)
				)
					throw error;
				say(error.message);
				return 1;
			} finally {
				process.off("SIGHUP", reopen);
				kept.stop();
				abandoning.abort();
				source?.stop();
				await queue?.close();
				await Promise.all(targets.map(({ target }) => target.close(0)));
				pages?.close();
				pools.close();
				log.close();
			}
		},
	},
	"happo-collector",
);
