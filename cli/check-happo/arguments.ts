import {
	type Hop,
	hopText,
	parseFingerprint,
	parseHop,
} from "../../src/protocol/hop.ts";
import {
	type KnownOption,
	normaliseArguments,
	UsageError,
} from "../program/arguments.ts";

/** An agent: where to connect to, and how the original would write it. */
export interface Place extends Hop {
	/** `host:port`, the host as it was given. */
	text: string;
}

/** What a check is asked to do. */
export interface CheckOptions {
	/** The agent that runs the plugin. */
	target: Place;
	/** Agents on the way to it; the first is connected to. */
	proxies: readonly Place[];
	plugin: string;
	option: string;
	/** For the whole request, the look-up of the name included; 0 is no limit. */
	timeoutMilliseconds: number;
	isVerbose: boolean;
	/** PEM file of the CA that must have signed the certificate; undefined verifies nothing. */
	caFile: string | undefined;
	/** SHA-256 of the certificate, upper case with colons. */
	fingerprint: string | undefined;
}

/** The options of `monitor`, as `normaliseArguments` wants them. */
export const knownOptions: readonly KnownOption[] = [
	{ long: "host", short: "H", kind: "value" },
	{ long: "port", short: "P", kind: "value" },
	{ long: "proxy", short: "X", kind: "value" },
	{ long: "plugin-name", short: "p", kind: "value" },
	{ long: "plugin-option", short: "o", kind: "value" },
	{ long: "timeout", short: "t", kind: "value" },
	{ long: "verbose", short: "v", kind: "switch" },
	{ long: "ca-file", kind: "value" },
	{ long: "fingerprint", kind: "value" },
];

const defaultTimeoutSeconds = 60;
/** What a timer of Node can hold. */
const mostSeconds = 2_147_483;

/** An agent as people write it; undefined if it is none. */
function parsePlace(given: string): Place | undefined {
	const hop = parseHop(given);
	if (!hop) return undefined;
	const isAddress6 = given.indexOf(":") !== given.lastIndexOf(":");
	const host = given.trim().split(":", 1)[0];
	return { ...hop, text: isAddress6 ? hopText(hop) : `${host}:${hop.port}` };
}

function wholeNumber(name: string, text: string, least: number, most: number) {
	const value = /^\d{1,10}$/.test(text) ? Number(text) : -1;
	if (value >= least && value <= most) return value;
	throw new UsageError(
		`--${name}: not a whole number from ${least} to ${most}: ${text}`,
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
	const fingerprint = parseFingerprint(text);
	if (fingerprint) return fingerprint;
	throw new UsageError(
		`--fingerprint: not a SHA-256, 64 hexadecimal digits: ${text}`,
	);
}

/** Every option with its values in order; throws for what is none. */
function valuesOf(args: readonly string[]) {
	const values = new Map<string, string[]>();
	for (const word of normaliseArguments(args, knownOptions)) {
		const [, name = "", value = ""] =
			/^--([a-z-]+)=([\s\S]*)$/.exec(word) ?? [];
		if (knownOptions.some(({ long }) => long === name))
			values.set(name, [...(values.get(name) ?? []), value]);
		else if (/^--?[A-Za-z]/.test(word))
			throw new UsageError(
				// never its value, it may be a secret
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

/** What follows `monitor` on the command line. Throws UsageError. */
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
	const caFile = last("ca-file");
	const fingerprint = last("fingerprint");
	if (caFile !== undefined && fingerprint !== undefined)
		throw new UsageError("--ca-file and --fingerprint: only one of the two");
	if (caFile === "") throw new UsageError("--ca-file is empty");
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
				mostSeconds,
			),
		isVerbose: !["no", "false", "0"].includes(last("verbose") ?? "no"),
		caFile,
		fingerprint:
			fingerprint === undefined ? undefined : fingerprintOf(fingerprint),
	};
}

/** What a wrong command line gets to see, after the reason. */
export const usage = `Usage: check_happo monitor -H HOST [-P PORT] [-X PROXY[:PORT]]... -p PLUGIN
                           [-o OPTION] [-t SECONDS] [-v]
       check_happo --help
`;

/** The whole help. */
export const help = `check_happo: runs a Nagios plugin through happo-agent

${usage}
Options of monitor:
  -H, --host HOST             agent that runs the plugin: a name, an IPv4 or an
                              IPv6 address, [ADDRESS]:PORT
  -P, --port PORT             its port (6777)
  -X, --proxy PROXY[:PORT]    agent on the way to it (port 6777); may be
                              repeated, the first one is connected to
  -p, --plugin_name PLUGIN    name of the plugin
  -o, --plugin_option OPTION  its command line, as one argument
  -t, --timeout SECONDS       for the whole request (60; 0: no limit)
  -v, --verbose               tells on standard error what goes over the wire
      --ca-file FILE          CA that must have signed the certificate of the
                              agent that is connected to
      --fingerprint SHA256    or the certificate that it must have; without the
                              two nothing is verified

Prints what the plugin printed and ends with its exit status. An agent that
cannot be reached, or fails, is CRITICAL (2): "ERROR(happo-agent): ...". An
agent on the way that ran out of time is UNKNOWN (3), and so is a wrong command
line.

Example:
  check_happo monitor -H web01 -X bastion -p check_procs -o '-w 100 -c 200'
`;
