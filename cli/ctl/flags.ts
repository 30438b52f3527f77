import { servicesFile } from "../../src/known-hosts.ts";
import { parseHop, parsePin } from "../../src/protocol/hop.ts";
import type { SettingTable } from "../../src/setting-table.ts";
import { defaultAdminSocket } from "../../src/socket-file.ts";
import type { HelpTopic } from "../program/help.ts";

const badHops = (entries: readonly string[]) => {
	const bad = entries.filter((entry) => !parseHop(entry));
	return bad.length > 0
		? `not a host with an optional port: ${bad.join(", ")}`
		: undefined;
};

const badFingerprint = (text: string) =>
	text === "" || parsePin(text)
		? undefined
		: `not a SHA-256 fingerprint (64 hexadecimal digits, or sha256// and base64): ${text}`;

/** What the file of known hosts is for, after the place of it. */
const knownHostsHelp = (place: string) =>
	`file with known hosts, one a line: HOST[:PORT] and the SHA-256 of its certificate or, as sha256//BASE64, of its public key. Such a host is verified by that alone; others as without the file. By default ${place} if it exists, but not with --fingerprint or --insecure`;

/** Options that say which agents to ask, and how to reach them. */
export const targetSettings = {
	host: {
		kind: "list",
		short: "H",
		default: [],
		placeholder: "HOST[:PORT],...",
		help: "agents; can be repeated. The default port is 6777. Without --host, --hosts-file and --group, the agent on this machine.",
		check: badHops,
	},
	"admin-socket": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: `admin socket of the agent on this machine (HAPPO_CTL_ADMIN_SOCKET); by default ${defaultAdminSocket} if somebody listens there, otherwise HTTPS to 127.0.0.1; none means HTTPS`,
	},
	"hosts-file": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "file with agents, one a line; # begins a comment; - is standard input",
	},
	group: {
		kind: "text",
		short: "g",
		default: "",
		placeholder: "GROUP[!SUBGROUP]",
		help: "agents that the management server lists for a group; each is reached through its bastions",
	},
	endpoint: {
		kind: "text",
		short: "e",
		default: "",
		placeholder: "URL",
		help: "URL of the management server, for --group",
	},
	"endpoint-ca-file": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "CA certificate (PEM) that verifies the management server; replaces the CAs that Node knows",
	},
	via: {
		kind: "list",
		default: [],
		placeholder: "HOST[:PORT],...",
		help: "bastions in front of the agents, nearest to this machine first",
		check: badHops,
	},
	parallel: {
		kind: "integer",
		default: 16,
		minimum: 1,
		maximum: 256,
		help: "maximum number of agents to ask at the same time",
	},
	"timeout-seconds": {
		kind: "integer",
		default: 30,
		minimum: 1,
		maximum: 3600,
		help: "seconds to wait for the answer of an agent",
	},
	"key-file": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "file whose first line is the key that says who asks (HAPPO_CTL_API_KEY); only sent to agents that are verified. Bastions can read it",
	},
} as const satisfies SettingTable;

/** Options that say how to verify certificates. */
export const trustSettings = {
	"ca-file": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "CA certificate (PEM) that verifies the agents; replaces the CAs that Node knows. A self-signed certificate is its own CA",
	},
	fingerprint: {
		kind: "text",
		default: "",
		placeholder: "SHA256",
		help: "accept only the certificate with this fingerprint, or with this public key (sha256//BASE64); its CA does not matter",
		check: badFingerprint,
	},
	"known-hosts": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: knownHostsHelp("~/.config/happo/known_hosts"),
	},
	"accept-new": {
		kind: "switch",
		default: false,
		help: "add hosts that the file of known hosts does not have, with the keys that they show; a host with another key than the file's is still refused",
	},
	insecure: {
		kind: "switch",
		default: false,
		help: "do not verify certificates, except those of hosts in --known-hosts FILE. Agents on this machine (127.0.0.1, ::1, localhost) are only verified with --ca-file, --fingerprint or --certificate, or as known hosts.",
	},
	certificate: {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "client certificate (PEM), with --private-key",
	},
	"private-key": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "key of --certificate (PEM); its passphrase comes from HAPPO_CTL_PRIVATE_KEY_PASSPHRASE",
	},
} as const satisfies SettingTable;

/** The same for services that ask many hosts. */
export const manyHostsTrustSettings = {
	...trustSettings,
	"known-hosts": {
		...trustSettings["known-hosts"],
		help: `${knownHostsHelp(servicesFile)}. It is read again when it changes`,
	},
} as const satisfies SettingTable;

/** Options that name the configuration file and a context in it. */
export const configSettings = {
	config: {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "configuration file (HAPPO_CTL_CONFIG, ~/.config/happo/ctl.yaml)",
	},
	context: {
		kind: "text",
		default: "",
		placeholder: "NAME",
		help: "context in that file (HAPPO_CTL_CONTEXT, current-context of the file)",
	},
} as const satisfies SettingTable;

export const outputFormats = [
	"table",
	"json",
	"yaml",
	"prometheus",
	"graphite",
] as const;

export type OutputFormat = (typeof outputFormats)[number];

/** The option for the output format; the first format is the default. */
export const outputSettings = (
	formats: readonly [OutputFormat, ...OutputFormat[]],
) =>
	({
		output: {
			kind: "choice",
			short: "o",
			default: formats[0],
			choices: Object.fromEntries(formats.map((format) => [format, format])),
			placeholder: formats.join("|"),
			help: formats.includes("table")
				? "output format: table is for people, the others are for programs"
				: "output format",
		},
	}) as const satisfies SettingTable;

/** Options for messages about hosts. */
export const messageSettings = {
	verbose: {
		kind: "switch",
		short: "v",
		default: false,
		help: "name every host in a message about several; otherwise, on a terminal, those that fit into the line",
	},
} as const satisfies SettingTable;

/** Options of all commands that ask agents. */
export const connections: HelpTopic = {
	name: "connections",
	summary: "say which agents to ask, and how to reach and verify them",
	details:
		"Every command that asks agents has these options. A context of the configuration file can hold them; see 'happo-ctl context --help'.",
	sections: [
		{ title: "Which agents", settings: targetSettings },
		{ title: "How to verify certificates", settings: trustSettings },
		{ title: "Configuration", settings: configSettings },
		{ title: "Messages", settings: messageSettings },
	],
	examples: [
		"status -H web01,web02:6778 --ca-file agents.pem",
		"status --hosts-file hosts --via bastion1 --key-file operator.key",
		"status --group WEB --endpoint https://management.example.net",
	],
};
