import { unverifiedKey } from "../../src/protocol/api-key.ts";
import {
	type Hop,
	hopText,
	parseHop,
	parsePin,
} from "../../src/protocol/hop.ts";
import {
	type KnownOption,
	normaliseArguments,
	UsageError,
} from "../program/arguments.ts";

/** An agent: the hop to connect to, and its name as v1 writes it. */
export interface Place extends Hop {
	/** `host:port`, with the host as given. */
	text: string;
}

/** The options of a check. */
export interface CheckOptions {
	/** The agent that runs the plugin. */
	target: Place;
	/** Agents in front of it; check_happo connects to the first. */
	proxies: readonly Place[];
	plugin: string;
	option: string;
	/** Limit for the whole request, including the name look-up; 0 means no limit. */
	timeoutMilliseconds: number;
	/** Whether the performance data of further lines goes to the first line. */
	isPerfdataFirst: boolean;
	isVerbose: boolean;
	/** PEM file of the CA that verifies the certificate; undefined: verifies no chain. */
	caFile: string | undefined;
	/** SHA-256 of the certificate or of its public key, as parsePin() returns it. */
	fingerprint: string | undefined;
	/** File of known hosts; undefined: that of the user, if there is one. */
	knownHosts: string | undefined;
	/** Whether a host that the file does not have is added to it. */
	acceptsNew: boolean;
	/** File whose first line is the client's key. */
	keyFile: string | undefined;
}

/** The options of `monitor`, for normaliseArguments(). */
export const knownOptions: readonly KnownOption[] = [
	{ long: "host", short: "H", kind: "value" },
	{ long: "port", short: "P", kind: "value" },
	{ long: "proxy", short: "X", kind: "value" },
	{ long: "plugin-name", short: "p", kind: "value" },
	{ long: "plugin-option", short: "o", kind: "value" },
	{ long: "timeout", short: "t", kind: "value" },
	{ long: "perfdata-first-line", kind: "switch" },
	{ long: "verbose", short: "v", kind: "switch" },
	{ long: "ca-file", kind: "value" },
	{ long: "fingerprint", kind: "value" },
	{ long: "known-hosts", kind: "value" },
	{ long: "accept-new", kind: "switch" },
	{ long: "key-file", kind: "value" },
	// only the native client asks a broker
	{ long: "broker", kind: "value" },
];

const defaultTimeoutSeconds = 60;
/** Longest timer of Node. */
const maxTimeoutSeconds = 2_147_483;

/** Parses an agent as users write it; undefined if it is invalid. */
function parsePlace(given: string): Place | undefined {
	const hop = parseHop(given);
	if (!hop) return undefined;
	const isAddress6 = given.indexOf(":") !== given.lastIndexOf(":");
	const host = given.trim().split(":", 1)[0];
	return { ...hop, text: isAddress6 ? hopText(hop) : `${host}:${hop.port}` };
}

function wholeNumber(name: string, text: string, min: number, max: number) {
	const value = /^\d{1,10}$/.test(text) ? Number(text) : -1;
	if (value >= min && value <= max) return value;
	throw new UsageError(
		`--${name}: not a whole number from ${min} to ${max}: ${text}`,
	);
}

function targetOf(host: string, port: string | undefined): Place {
	const place = parsePlace(host);
	if (!place) throw new UsageError(`--host: not a name or an address: ${host}`);
	if (port === undefined) return place;
	if (/\]:.|^[^:]*:[^:]+$/.test(host.trim()))
		throw new UsageError(`--host and --port: two ports: ${host} and ${port}`);
	const own = wholeNumber("port", port, 1, 65_535);
	return { ...place, port: own, text: place.text.replace(/\d+$/, String(own)) };
}

function fingerprintOf(text: string): string {
	const fingerprint = parsePin(text);
	if (fingerprint) return fingerprint;
	throw new UsageError(
		`--fingerprint: not a SHA-256, 64 hexadecimal digits or sha256// and base64: ${text}`,
	);
}

/** The values of each option, in order. Throws UsageError for other arguments. */
function valuesOf(args: readonly string[]) {
	const values = new Map<string, string[]>();
	for (const word of normaliseArguments(args, knownOptions)) {
		const [, name = "", value = ""] =
			/^--([a-z-]+)=([\s\S]*)$/.exec(word) ?? [];
		if (knownOptions.some(({ long }) => long === name))
			values.set(name, [...(values.get(name) ?? []), value]);
		else if (/^--?[A-Za-z]/.test(word))
			throw new UsageError(
				// without its value: that may be a secret
				/^--?h(elp)?$/.test(word)
					? `${word}: help is shown for "monitor ${word}" only`
					: `no such option: ${word.split("=", 1)[0]}`,
			);
		else
			throw new UsageError(
				`unexpected argument: ${word} (a plugin option with blanks needs quotes)`,
			);
	}
	return values;
}

/** Throws UsageError if options about certificates and keys contradict each other. */
function assertTrust({
	caFile,
	fingerprint,
	knownHosts,
	keyFile,
	acceptsNew,
}: Pick<
	CheckOptions,
	"caFile" | "fingerprint" | "knownHosts" | "keyFile" | "acceptsNew"
>): void {
	if (fingerprint !== undefined && (caFile ?? knownHosts) !== undefined)
		throw new UsageError(
			`--${caFile === undefined ? "known-hosts" : "ca-file"} and --fingerprint: only one of the two`,
		);
	for (const [name, value] of [
		["ca-file", caFile],
		["known-hosts", knownHosts],
		["key-file", keyFile],
	])
		if (value === "") throw new UsageError(`--${name} is empty`);
	if (acceptsNew && (caFile ?? fingerprint) !== undefined)
		throw new UsageError(
			"--accept-new: cannot be used with --ca-file or --fingerprint",
		);
	if (keyFile === undefined) return;
	if ((caFile ?? fingerprint ?? knownHosts) === undefined)
		throw new UsageError(
			`--key-file: ${unverifiedKey}: give --ca-file, --known-hosts or --fingerprint`,
		);
	if (acceptsNew)
		throw new UsageError(
			"--accept-new: cannot be used with --key-file: a key is only sent to hosts that are known before",
		);
}

/** Parses the arguments after `monitor`. Throws UsageError. */
export function parseCheckOptions(args: readonly string[]): CheckOptions {
	const values = valuesOf(args);
	// the last one counts
	const last = (name: string) => values.get(name)?.at(-1);
	const needed = (name: string, short: string) => {
		const value = last(name);
		if (value) return value;
		const what = value === "" ? "empty" : "missing";
		throw new UsageError(`--${name} (${short}) is ${what}`);
	};
	const isOn = (name: string) =>
		!["no", "false", "0"].includes(last(name) ?? "no");
	const trust = {
		caFile: last("ca-file"),
		fingerprint: last("fingerprint"),
		knownHosts: last("known-hosts"),
		keyFile: last("key-file"),
		acceptsNew: isOn("accept-new"),
	};
	assertTrust(trust);
	const { fingerprint } = trust;
	return {
		target: targetOf(needed("host", "-H"), last("port")),
		proxies: (values.get("proxy") ?? []).map((text) => {
			const proxy = parsePlace(text);
			if (proxy) return proxy;
			throw new UsageError(
				`--proxy: not HOST, HOST:PORT or an address: ${text}`,
			);
		}),
		plugin: needed("plugin-name", "-p"),
		option: last("plugin-option") ?? "",
		timeoutMilliseconds:
			1000 *
			wholeNumber(
				"timeout",
				last("timeout") ?? String(defaultTimeoutSeconds),
				0,
				maxTimeoutSeconds,
			),
		isPerfdataFirst: isOn("perfdata-first-line"),
		isVerbose: isOn("verbose"),
		...trust,
		fingerprint:
			fingerprint === undefined ? undefined : fingerprintOf(fingerprint),
	};
}

/** Printed after the reason if the command line is invalid. */
export const usage = `Usage: check_happo monitor -H HOST [-P PORT] [-X PROXY[:PORT]]... -p PLUGIN
                           [-o OPTION] [-t SECONDS] [-v]
       check_happo --nagios-worker QUERY_SOCKET [--broker SOCKET]
       check_happo --help
       check_happo --version (-V)
`;

/** The whole help. */
export const help = `check_happo: runs a Nagios plugin through happo-agent

${usage}
Options of monitor:
  -H, --host HOST             agent that runs the plugin: a name, an IPv4 or an
                              IPv6 address, [ADDRESS]:PORT
  -P, --port PORT             its port (6777)
  -X, --proxy PROXY[:PORT]    agent that relays the check (port 6777); may be
                              repeated, check_happo connects to the first one
  -p, --plugin_name PLUGIN    name of the plugin
  -o, --plugin_option OPTION  its options, as one argument
  -t, --timeout SECONDS       limit for the whole request (60; 0: no limit)
      --perfdata-first-line   prints all performance data on the first line;
                              Nagios and Icinga read that of further lines
                              differently
  -v, --verbose               prints requests and answers on standard error
      --ca-file FILE          CA certificate that verifies the agent to which
                              check_happo connects
      --fingerprint SHA256    accepts only the certificate with this
                              fingerprint, or with this public key
                              (sha256//BASE64)
      --known-hosts FILE      file with known hosts, one a line: HOST[:PORT] and
                              the SHA-256 of its certificate, or sha256//BASE64
                              of its public key; other hosts are refused. By
                              default ~/.config/happo/known_hosts, if it exists:
                              then other hosts are not verified
      --accept-new            adds hosts that the file does not have, with the
                              keys that they show
      --key-file FILE         file whose first line is the key that says who
                              asks; needs --ca-file, --known-hosts or
                              --fingerprint. Agents given with -X can read the
                              key
      --broker SOCKET         asks this broker first, unless -v, --ca-file,
                              --fingerprint, --known-hosts, --accept-new or
                              --key-file is given (HAPPO_BROKER, or else
                              /run/happo/broker.sock; empty: no broker). The
                              broker verifies agents in its own way

With --nagios-worker, check_happo runs until SIGTERM, as a worker of Nagios 4 or
Naemon that has the broker run the checks; QUERY_SOCKET is query_socket of
nagios.cfg. Only the native check_happo can do this.

Prints the output of the plugin and exits with its exit status. If an agent
fails or cannot be reached, the result is CRITICAL (2), with a message
"ERROR(happo-agent): ...". The result is UNKNOWN (3) if a relaying agent reached
its time limit, if the host lacks the plugin, or if the command line is invalid;
the first line gives the reason.

Example:
  check_happo monitor -H web01 -X bastion -p check_procs -o '-w 100 -c 200'
`;
