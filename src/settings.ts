import { isIP } from "node:net";
import { badVariableNames } from "./commands/environment.ts";
import { badNetworks } from "./protocol/access.ts";
import { badDestinations } from "./relay/destinations.ts";
import { badPins } from "./relay/trust.ts";
import type { SettingTable, SettingValues } from "./setting-table.ts";

const day = 86_400;
const mebibyte = 1024 * 1024;

// Node's timers hold 31 bits of milliseconds
const longest = 2_000_000;

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
 * The daemon's settings, declared once: flags, help, variables, the
 * environment file in contrib and README's table come from here. Names, short
 * forms and defaults of the first twenty are the original's.
 */
export const daemonSettings = {
	"log-level": {
		original: true,
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
		help: "least important messages to log: debug, info, warn or error",
	},
	port: {
		original: true,
		strictRange: true,
		short: "P",
		kind: "integer",
		minimum: 0,
		maximum: 65_535,
		default: 6777,
		help: "port to listen on; 0 takes a free one",
	},
	"allowed-hosts": {
		original: true,
		adds: true,
		short: "A",
		kind: "list",
		default: [],
		check: badNetworks,
		help: "addresses and networks that may connect, besides 127.0.0.1 and ::1",
	},
	"public-key": {
		original: true,
		check: notEmpty,
		short: "B",
		kind: "text",
		default: "./happo-agent.pub",
		installed: "/etc/happo/happo-agent.pub",
		placeholder: "FILE",
		help: "certificate, PEM, with its chain if it has one",
	},
	"private-key": {
		original: true,
		check: notEmpty,
		short: "R",
		kind: "text",
		default: "./happo-agent.key",
		installed: "/etc/happo/happo-agent.key",
		placeholder: "FILE",
		help: "private key of the certificate, PEM, may be encrypted",
	},
	"metric-config": {
		original: true,
		check: notEmpty,
		short: "M",
		kind: "text",
		default: "./metrics.yaml",
		installed: "/etc/happo/metrics.yaml",
		placeholder: "FILE",
		help: "which metric plugins to run",
	},
	"cpu-profile": {
		original: true,
		short: "C",
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "write a CPU profile here on exit",
	},
	"max-connections": {
		original: true,
		short: "X",
		kind: "integer",
		minimum: 1,
		maximum: 100_000,
		default: 1000,
		help: "connections served at once; more wait",
	},
	"command-timeout": {
		original: true,
		// with 0 no check could ever end in time
		strictRange: true,
		short: "T",
		kind: "integer",
		minimum: 1,
		maximum: longest,
		unset: -1,
		default: 10,
		help: "seconds a plugin or command may run; -1 is the default",
	},
	logfile: {
		original: true,
		check: notEmpty,
		short: "l",
		kind: "text",
		default: "happo-agent.log",
		installed: "-",
		placeholder: "FILE",
		help: "log file; - is standard output",
	},
	"log-format": {
		kind: "choice",
		choices: { text: "text", json: "json" },
		default: "text",
		help: "lines of the log: text, as the original, or json",
	},
	dbfile: {
		original: true,
		check: notEmpty,
		short: "d",
		kind: "text",
		default: "happo-agent.db",
		installed: "/var/lib/happo-agent/happo-agent.db",
		placeholder: "DIRECTORY",
		help: "store of metrics and machine states",
	},
	"metrics-max-lifetime-seconds": {
		original: true,
		kind: "integer",
		minimum: 0,
		maximum: 3650 * day,
		default: 7 * day,
		help: "seconds that metrics nobody takes are kept",
	},
	"machine-state-max-lifetime-seconds": {
		original: true,
		kind: "integer",
		minimum: 0,
		maximum: 3650 * day,
		default: 3 * day,
		help: "seconds that machine states are kept",
	},
	"proxy-timeout-seconds": {
		original: true,
		kind: "integer",
		minimum: -longest,
		maximum: longest,
		default: 180,
		help: "seconds to wait for the next hop; 0 or less is no limit",
	},
	"error-log-interval-seconds": {
		original: true,
		kind: "integer",
		minimum: -longest,
		maximum: longest,
		default: -1,
		help: "least seconds between two machine states; below 0 none is saved",
	},
	"nagios-plugin-paths": {
		original: true,
		kind: "list",
		default: [
			"/usr/local/hb-agent/bin",
			"/usr/lib64/nagios/plugins",
			"/usr/lib/nagios/plugins",
			"/usr/local/nagios/libexec",
			"/usr/local/bin",
		],
		check: someDirectory,
		help: "directories of Nagios plugins, first match wins; by default the agent's own plugins come last",
	},
	"sensu-plugin-paths": {
		original: true,
		kind: "list",
		default: ["/usr/local/hb-agent/bin", "/usr/local/bin"],
		check: someDirectory,
		help: "directories of metric plugins, first match wins; by default the agent's own plugins come last",
	},
	"enable-requeststatus-middleware": {
		original: true,
		kind: "switch",
		default: false,
		help: "count requests for /status/request",
	},
	"disable-collect-metrics": {
		original: true,
		kind: "switch",
		default: false,
		help: "do not run metric plugins",
	},
	"machine-state-commands": {
		kind: "list",
		default: ["w", "ps auxwwf", "ss -anp", "lsof"],
		check: plainCommands,
		help: "what a machine state is made of",
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
		help: "readers of metrics; data is kept until all have taken it",
	},
	"metric-max-lease-seconds": {
		kind: "integer",
		minimum: 1,
		maximum: day,
		default: 3600,
		help: "longest lease of metrics; a reader that asks for more is granted this",
	},
	"max-store-bytes": {
		kind: "integer",
		minimum: 0,
		maximum: Number.MAX_SAFE_INTEGER,
		default: 1024 * mebibyte,
		help: "largest size of the store's files; beyond it new metrics and machine states are refused; 0 is no limit",
	},
	"min-free-bytes": {
		kind: "integer",
		minimum: 0,
		maximum: Number.MAX_SAFE_INTEGER,
		default: 64 * mebibyte,
		help: "free space that the store leaves on its file system; 0 is no limit",
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
		help: "CA that next hops' certificates are verified with; none: unverified",
	},
	"proxy-fingerprints": {
		kind: "list",
		default: [],
		check: badPins,
		help: "pinned next hops, HOST[:PORT]=SHA-256 of the certificate",
	},
	"proxy-certificate": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "client certificate shown to next hops, PEM",
	},
	"proxy-private-key": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "private key of proxy-certificate, PEM",
	},
	"proxy-destinations": {
		kind: "list",
		default: [],
		check: badDestinations,
		help: "where /proxy may relay to: addresses, networks, names, *.names; empty is anywhere",
	},
	"proxy-max-answer-bytes": {
		kind: "integer",
		minimum: 1024,
		maximum: 1024 * mebibyte,
		default: 32 * mebibyte,
		help: "largest answer of a next hop",
	},
	"listen-address": {
		check: addressOrNothing,
		kind: "text",
		default: "",
		placeholder: "ADDRESS",
		help: "address to listen on; empty is all, IPv4 and IPv6",
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
		help: "file with the passphrase of an encrypted private key",
	},
	"certificate-check-seconds": {
		kind: "integer",
		minimum: 1,
		maximum: day,
		default: 10,
		help: "seconds between two looks whether the certificate's files have changed",
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
		help: "commands that /inventory runs when shell is off",
	},
	"max-commands": {
		kind: "integer",
		minimum: 1,
		maximum: 10_000,
		default: 256,
		help: "plugins and commands running at once; more wait",
	},
	"max-left-behind": {
		kind: "integer",
		minimum: 1,
		maximum: 10_000,
		default: 128,
		help: "answered commands that may have left processes behind; the oldest of more are stopped",
	},
	"command-engine": {
		kind: "choice",
		choices: {
			auto: "auto",
			native: "native",
			child_process: "child_process",
		},
		default: "auto",
		help: "how commands are started: native (fast), child_process, or auto: native where it can be loaded",
	},
	"plugin-environment": {
		kind: "list",
		default: ["*"],
		check: badVariableNames,
		help: "variables that plugins and commands get: names, patterns (ORACLE_*); what looks like a secret has to be named, * is all else",
	},
	"plugin-locale": {
		kind: "text",
		default: "",
		check: localeName,
		placeholder: "LOCALE",
		help: "LC_ALL of plugins; empty is C for numbers and messages, inherit is the agent's own",
	},
	"plugin-open-files": {
		kind: "integer",
		minimum: 0,
		maximum: 1_000_000_000,
		default: 0,
		help: "soft limit of open files (ulimit -Sn) of plugins; 0 is the one the agent was started with",
	},
	"command-output-limit-bytes": {
		kind: "integer",
		minimum: 1024,
		maximum: 64 * mebibyte,
		default: mebibyte,
		help: "bytes of each output stream of a command that are kept",
	},
	"max-body-bytes": {
		kind: "integer",
		minimum: 1024,
		maximum: 256 * mebibyte,
		default: 16 * mebibyte,
		help: "largest request body",
	},
	"max-buffered-bytes": {
		kind: "integer",
		minimum: 1024,
		maximum: 4096 * mebibyte,
		default: 64 * mebibyte,
		help: "request bodies and answers in memory at once; one client gets half of what others have left",
	},
	"handshake-timeout-seconds": {
		kind: "integer",
		minimum: 1,
		maximum: longest,
		default: 10,
		help: "seconds a TLS handshake may take",
	},
	"headers-timeout-seconds": {
		kind: "integer",
		minimum: 1,
		maximum: longest,
		default: 10,
		help: "seconds the headers of a request may take",
	},
	"request-timeout-seconds": {
		kind: "integer",
		minimum: 1,
		maximum: longest,
		default: 60,
		help: "seconds a whole request may take to arrive",
	},
	"idle-timeout-seconds": {
		kind: "integer",
		minimum: 1,
		maximum: longest,
		default: 180,
		help: "seconds a connection without a request is kept",
	},
	"connection-wait-seconds": {
		kind: "integer",
		minimum: 1,
		maximum: longest,
		default: 10,
		help: "seconds a connection waits for its place, and a request body for memory",
	},
	"quick-start": {
		kind: "text",
		default: "",
		placeholder: "DIRECTORY",
		help: "keep everything here, make what is missing, log to the screen",
	},
} as const satisfies SettingTable;

export type DaemonSettings = SettingValues<typeof daemonSettings>;
