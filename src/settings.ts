import { isIP } from "node:net";
import { badVariableNames } from "./commands/environment.ts";
import {
	nagiosPluginDirectories,
	sharedDirectory,
} from "./plugin-directories.ts";
import { badNetworks } from "./protocol/access.ts";
import { badDestinations } from "./protocol/destinations.ts";
import { badPins } from "./relay/trust.ts";
import type { SettingTable, SettingValues } from "./setting-table.ts";
import { defaultAdminSocket } from "./socket-file.ts";

const day = 86_400;
const mebibyte = 1024 * 1024;

// Node's timers hold 31 bits of milliseconds
const maxSeconds = 2_000_000;

const someDirectory = (paths: readonly string[]) =>
	paths.length > 0 ? undefined : "no directory";

const plainCommands = (lines: readonly string[]) => {
	const bad = lines.filter(
		(line) => !/^[\w./+:=@%-]+( [\w./+:=@%-]+)*$/.test(line),
	);
	return bad.length > 0
		? `not a command of plain words: ${bad.join(", ")}`
		: undefined;
};

const consumerNames = (names: readonly string[]) => {
	const bad = names.filter((name) => !/^[A-Za-z0-9_.-]{1,64}$/.test(name));
	if (bad.length > 0)
		return `not a name of letters, digits, _ . -: ${bad.join(", ")}`;
	return names.length > 0 ? undefined : "no consumer";
};
const localeName = (text: string) =>
	/^[\w.@-]*$/.test(text) ? undefined : `not the name of a locale: ${text}`;

const notEmpty = (text: string) => (text === "" ? "empty" : undefined);

const addressOrNothing = (text: string) =>
	text === "" || isIP(text) !== 0 ? undefined : `not an address: ${text}`;

/**
 * The daemon's settings, declared once: flags, help, variables, the environment file in
 * contrib and the table in contrib/doc/settings.md come from here. Settings with `inV1`
 * keep the names, short forms and defaults of v1 (Go).
 */
export const daemonSettings = {
	"log-level": {
		inV1: true,
		kind: "choice",
		choices: {
			debug: "debug",
			info: "info",
			warn: "warning",
			warning: "warning",
			error: "error",
		},
		nearest: {
			trace: "debug",
			notice: "info",
			critical: "error",
			fatal: "error",
			panic: "error",
		},
		default: "warn",
		help: "minimum level of logged messages: debug, info, warn or error",
	},
	port: {
		inV1: true,
		strictRange: true,
		short: "P",
		kind: "integer",
		minimum: 0,
		maximum: 65_535,
		default: 6777,
		help: "port to listen on; 0 takes a free one",
	},
	"allowed-hosts": {
		inV1: true,
		adds: true,
		short: "A",
		kind: "list",
		default: [],
		check: badNetworks,
		help: "addresses and networks that may connect, in addition to 127.0.0.1 and ::1",
	},
	"public-key": {
		inV1: true,
		check: notEmpty,
		short: "B",
		kind: "text",
		default: "./happo-agent.pub",
		installed: "/etc/happo/happo-agent.pub",
		placeholder: "FILE",
		help: "certificate in PEM format, with its chain if it has one",
	},
	"private-key": {
		inV1: true,
		check: notEmpty,
		short: "R",
		kind: "text",
		default: "./happo-agent.key",
		installed: "/etc/happo/happo-agent.key",
		placeholder: "FILE",
		help: "private key of the certificate in PEM format; may be encrypted",
	},
	"metric-config": {
		inV1: true,
		check: notEmpty,
		short: "M",
		kind: "text",
		default: "./metrics.yaml",
		installed: "/etc/happo/metrics.yaml",
		placeholder: "FILE",
		help: "YAML file that lists the metric plugins to run",
	},
	"cpu-profile": {
		inV1: true,
		short: "C",
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "write a CPU profile to this file on exit",
	},
	"max-connections": {
		inV1: true,
		short: "X",
		kind: "integer",
		minimum: 1,
		maximum: 100_000,
		default: 1000,
		help: "maximum number of connections served at once; others wait",
	},
	"command-timeout": {
		inV1: true,
		// with 0 every check would time out
		strictRange: true,
		short: "T",
		kind: "integer",
		minimum: 1,
		maximum: maxSeconds,
		unset: -1,
		default: 10,
		help: "maximum seconds a plugin or command may run; -1 means the default",
	},
	logfile: {
		inV1: true,
		check: notEmpty,
		short: "l",
		kind: "text",
		default: "happo-agent.log",
		installed: "-",
		placeholder: "FILE",
		help: "log file; - means standard output",
	},
	"log-format": {
		kind: "choice",
		choices: { text: "text", json: "json" },
		default: "text",
		help: "format of log lines: text, as in v1, or json",
	},
	dbfile: {
		inV1: true,
		check: notEmpty,
		short: "d",
		kind: "text",
		default: "happo-agent.db",
		installed: "/var/lib/happo-agent/happo-agent.db",
		placeholder: "DIRECTORY",
		help: "directory of the store, which holds metrics and machine states",
	},
	"metrics-max-lifetime-seconds": {
		inV1: true,
		kind: "integer",
		minimum: 0,
		maximum: 3650 * day,
		default: 7 * day,
		help: "seconds to keep metrics that nobody takes",
	},
	"machine-state-max-lifetime-seconds": {
		inV1: true,
		kind: "integer",
		minimum: 0,
		maximum: 3650 * day,
		default: 3 * day,
		help: "seconds to keep machine states",
	},
	"proxy-timeout-seconds": {
		inV1: true,
		kind: "integer",
		minimum: -maxSeconds,
		maximum: maxSeconds,
		default: 180,
		help: "maximum seconds to wait for the next hop; 0 or less means no limit",
	},
	"error-log-interval-seconds": {
		inV1: true,
		kind: "integer",
		minimum: -maxSeconds,
		maximum: maxSeconds,
		default: -1,
		help: "minimum seconds between snapshots of the machine state; negative disables them",
	},
	"nagios-plugin-paths": {
		inV1: true,
		kind: "list",
		default: nagiosPluginDirectories,
		check: someDirectory,
		help: "directories of Nagios plugins, searched in order; by default the agent's own plugins come last, and /usr/local/bin is left out while a policy is in force",
	},
	"sensu-plugin-paths": {
		inV1: true,
		kind: "list",
		default: ["/usr/local/hb-agent/bin", sharedDirectory],
		check: someDirectory,
		help: "directories of metric plugins, searched in order; by default the agent's own plugins come last, and /usr/local/bin is left out while a policy is in force",
	},
	"enable-requeststatus-middleware": {
		inV1: true,
		kind: "switch",
		default: false,
		help: "count requests for /status/request",
	},
	"disable-collect-metrics": {
		inV1: true,
		kind: "switch",
		default: false,
		help: "do not run metric plugins",
	},
	"machine-state-commands": {
		kind: "list",
		default: ["w", "ps auxwwf", "ss -anp", "lsof"],
		check: plainCommands,
		help: "commands whose output makes up a machine state",
	},
	"collection-interval-seconds": {
		kind: "integer",
		minimum: 1,
		maximum: day,
		default: 60,
		help: "seconds between two passes of the metric plugins",
	},
	"metric-consumers": {
		kind: "list",
		default: ["default"],
		check: consumerNames,
		help: "consumers of metrics; data is kept until all have taken it",
	},
	"metric-max-lease-seconds": {
		kind: "integer",
		minimum: 1,
		maximum: day,
		default: 3600,
		help: "maximum seconds of a lease; a consumer that asks for more gets this",
	},
	"max-store-bytes": {
		kind: "integer",
		minimum: 0,
		maximum: Number.MAX_SAFE_INTEGER,
		default: 1024 * mebibyte,
		help: "maximum size of the store's files; beyond it the store refuses new metrics and machine states; 0 means no limit",
	},
	"min-free-bytes": {
		kind: "integer",
		minimum: 0,
		maximum: Number.MAX_SAFE_INTEGER,
		default: 64 * mebibyte,
		help: "minimum free space that the store leaves on its file system; 0 means no limit",
	},
	"config-update": {
		kind: "switch",
		default: true,
		helpOff: "refuse /metric/config/update",
		help: "answer /metric/config/update",
	},
	"proxy-ca-file": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "CA file to verify the certificates of next hops; if empty, they are not verified",
	},
	"proxy-fingerprints": {
		kind: "list",
		default: [],
		check: badPins,
		help: "pinned certificates of next hops: HOST[:PORT]=SHA-256; or their public keys: HOST[:PORT]=sha256//BASE64",
	},
	"proxy-certificate": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "client certificate for next hops, in PEM format",
	},
	"proxy-private-key": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "private key of proxy-certificate, in PEM format",
	},
	"proxy-destinations": {
		kind: "list",
		default: [],
		check: badDestinations,
		help: "allowed destinations of /proxy: addresses, networks, names, *.names; empty means any",
	},
	"proxy-max-answer-bytes": {
		kind: "integer",
		minimum: 1024,
		maximum: 1024 * mebibyte,
		default: 32 * mebibyte,
		help: "maximum size of a next hop's answer",
	},
	"listen-address": {
		check: addressOrNothing,
		kind: "text",
		default: "",
		placeholder: "ADDRESS",
		help: "address to listen on; empty means all, IPv4 and IPv6",
	},
	"nrpe-port": {
		kind: "integer",
		minimum: 0,
		maximum: 65_535,
		default: 0,
		help: "port that answers check_nrpe, usually 5666; needs a policy in force; 0 means none",
	},
	"nrpe-plain-text": {
		kind: "choice",
		choices: { no: "no", loopback: "loopback" },
		default: "no",
		help: "whether clients of nrpe-port may do without TLS (check_nrpe -n): no, or loopback for those of this host",
	},
	"admin-socket": {
		kind: "text",
		default: defaultAdminSocket,
		placeholder: "FILE",
		check: notEmpty,
		help: "Unix socket for administration on this host, with mode 0600; none means no socket",
	},
	"admin-socket-group": {
		kind: "text",
		default: "",
		placeholder: "GROUP",
		help: "group that may use admin-socket, too, by name or id; its mode is 0660 then",
	},
	"private-key-passphrase": {
		kind: "text",
		default: "",
		from: "environment",
		isSecret: true,
		help: "passphrase of an encrypted private key",
	},
	"private-key-passphrase-file": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "file that contains the passphrase of an encrypted private key",
	},
	"own-key-pair": {
		kind: "text",
		default: "",
		placeholder: "DIRECTORY",
		help: "make a key pair for this machine in this directory and renew it, unless public-key or private-key exists",
	},
	"certificate-check-seconds": {
		kind: "integer",
		minimum: 1,
		maximum: day,
		default: 10,
		help: "how often to check the certificate files for changes, in seconds",
	},
	"audit-log": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "file that records what was decided about each request, and how the request ended; empty means none",
	},
	"audit-required": {
		kind: "switch",
		default: false,
		help: "refuse requests whose decision cannot be written to audit-log",
	},
	"client-ca-file": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "CA certificates that verify the certificates of clients, in PEM format; if empty, clients are not asked for certificates",
	},
	"client-crl-file": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "revocation lists of these CAs, in PEM format, one of each CA; if empty, no certificate counts as revoked",
	},
	policy: {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "YAML file that says who may do what; without one, whoever may connect may do everything",
	},
	"policy-check-seconds": {
		kind: "integer",
		minimum: 1,
		maximum: day,
		default: 5,
		help: "how often to check the policy file for changes, in seconds",
	},
	shell: {
		helpOff: "refuse option lines that need a shell",
		kind: "switch",
		default: true,
		help: "allow option lines that need a shell",
	},
	inventory: {
		helpOff: "refuse /inventory, which runs any command",
		kind: "switch",
		default: true,
		help: "answer /inventory, which runs any command",
	},
	"inventory-commands": {
		kind: "list",
		default: [],
		help: "commands that /inventory may run when shell is off",
	},
	"max-commands": {
		kind: "integer",
		minimum: 1,
		maximum: 10_000,
		default: 256,
		help: "maximum number of plugins and commands running at once; others wait",
	},
	"max-left-behind": {
		kind: "integer",
		minimum: 1,
		maximum: 10_000,
		default: 128,
		help: "maximum number of answered commands with processes left behind; beyond it the oldest are stopped",
	},
	"command-engine": {
		kind: "choice",
		choices: {
			auto: "auto",
			native: "native",
			child_process: "child_process",
		},
		default: "auto",
		help: "how to start commands: native (fast), child_process, or auto, which is native if it can be loaded",
	},
	"plugin-environment": {
		kind: "list",
		default: ["*"],
		check: badVariableNames,
		help: "environment variables for plugins and commands: names and patterns (ORACLE_*); * means all except those that look like secrets",
	},
	"plugin-locale": {
		kind: "text",
		default: "",
		check: localeName,
		placeholder: "LOCALE",
		help: "LC_ALL of plugins; empty means C for numbers and messages, inherit means the agent's locale",
	},
	"plugin-open-files": {
		kind: "integer",
		minimum: 0,
		maximum: 1_000_000_000,
		default: 0,
		help: "soft limit on open files (ulimit -Sn) of plugins; 0 means the limit that the agent was started with",
	},
	"command-output-limit-bytes": {
		kind: "integer",
		minimum: 1024,
		maximum: 64 * mebibyte,
		default: mebibyte,
		help: "maximum bytes to keep of each output stream of a command",
	},
	"max-body-bytes": {
		kind: "integer",
		minimum: 1024,
		maximum: 256 * mebibyte,
		default: 16 * mebibyte,
		help: "maximum size of a request body",
	},
	"max-buffered-bytes": {
		kind: "integer",
		minimum: 1024,
		maximum: 4096 * mebibyte,
		default: 64 * mebibyte,
		help: "maximum bytes of request bodies, command outputs over 64 KiB and answers in memory; one client gets at most half of what others leave",
	},
	"handshake-timeout-seconds": {
		kind: "integer",
		minimum: 1,
		maximum: maxSeconds,
		default: 10,
		help: "maximum seconds for a TLS handshake",
	},
	"headers-timeout-seconds": {
		kind: "integer",
		minimum: 1,
		maximum: maxSeconds,
		default: 10,
		help: "maximum seconds to receive the headers of a request",
	},
	"request-timeout-seconds": {
		kind: "integer",
		minimum: 1,
		maximum: maxSeconds,
		default: 60,
		help: "maximum seconds to receive a whole request",
	},
	"idle-timeout-seconds": {
		kind: "integer",
		minimum: 1,
		maximum: maxSeconds,
		default: 180,
		help: "seconds to keep an idle connection open",
	},
	"connection-wait-seconds": {
		kind: "integer",
		minimum: 1,
		maximum: maxSeconds,
		default: 10,
		help: "maximum seconds a connection waits for a place, and a request body for memory",
	},
	"stop-grace-seconds": {
		kind: "integer",
		minimum: -1,
		maximum: 3600,
		default: 3,
		help: "seconds that plugins and commands have to end by themselves, and to be answered, when the agent stops; -1 means command-timeout",
	},
	"quick-start": {
		kind: "text",
		default: "",
		placeholder: "DIRECTORY",
		help: "keep everything in this directory, create what is missing, log to the terminal",
	},
} as const satisfies SettingTable;

export type DaemonSettings = SettingValues<typeof daemonSettings>;
