import type { SettingTable } from "../../src/setting-table.ts";
import { manyHostsTrustSettings } from "../ctl/flags.ts";
import { parseShard } from "./host-list.ts";
import { listenSetting } from "./listen.ts";
import { parseQueue } from "./queue-setting.ts";
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

/** The settings of `run`. */
export const runSettings = {
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

/** How to verify agents. */
export const collectorTrustSettings = {
	...manyHostsTrustSettings,
	"private-key": {
		...manyHostsTrustSettings["private-key"],
		help: "key of --certificate (PEM); its passphrase comes from HAPPO_COLLECTOR_PRIVATE_KEY_PASSPHRASE",
	},
} as const satisfies SettingTable;
