import { parseFingerprint, parseHop } from "../../src/protocol/hop.ts";
import type { SettingTable } from "../../src/setting-table.ts";
import type { HelpSection } from "../program/help.ts";

const badHops = (entries: readonly string[]) => {
	const bad = entries.filter((entry) => !parseHop(entry));
	return bad.length > 0
		? `not a host with an optional port: ${bad.join(", ")}`
		: undefined;
};

const badFingerprint = (text: string) =>
	text === "" || parseFingerprint(text)
		? undefined
		: `not a SHA-256 fingerprint (64 hexadecimal digits): ${text}`;

/** Which agents, and how they are reached. */
export const targetSettings = {
	host: {
		kind: "list",
		short: "H",
		default: [],
		placeholder: "HOST[:PORT],...",
		help: "agents, can be repeated; port 6777 if none is given. Without --host, --hosts-file and --group it is the agent of this machine.",
		check: badHops,
	},
	"hosts-file": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "agents from a file, one a line, # begins a comment; - is standard input",
	},
	group: {
		kind: "text",
		short: "g",
		default: "",
		placeholder: "GROUP[!SUBGROUP]",
		help: "agents that the management server lists for a group, through the bastions it names",
	},
	endpoint: {
		kind: "text",
		short: "e",
		default: "",
		placeholder: "URL",
		help: "the management server, for --group",
	},
	"endpoint-ca-file": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "CA of the management server, in the place of the system's",
	},
	via: {
		kind: "list",
		default: [],
		placeholder: "HOST[:PORT],...",
		help: "bastions in front of the agents, nearest first",
		check: badHops,
	},
	parallel: {
		kind: "integer",
		default: 16,
		minimum: 1,
		maximum: 256,
		help: "how many agents are asked at the same time",
	},
	"timeout-seconds": {
		kind: "integer",
		default: 30,
		minimum: 1,
		maximum: 3600,
		help: "how long an agent has for its answer",
	},
	"api-key-file": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "the first line is sent as apikey, in the place of HAPPO_CTL_API_KEY; agents do not look at it",
	},
} as const satisfies SettingTable;

/** Whom to believe. */
export const trustSettings = {
	"ca-file": {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "CA of the agents' certificates (PEM), in the place of the system's; a self-signed certificate is its own",
	},
	fingerprint: {
		kind: "text",
		default: "",
		placeholder: "SHA256",
		help: "the certificate must be this one, whoever signed it",
		check: badFingerprint,
	},
	insecure: {
		kind: "switch",
		default: false,
		help: "verify no certificate. Addresses of this machine (127.0.0.1, ::1, localhost) are not verified in any case, unless --ca-file or --fingerprint is given.",
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
		help: "its key; a passphrase is taken from HAPPO_CTL_PRIVATE_KEY_PASSPHRASE",
	},
} as const satisfies SettingTable;

/** Where all these can come from instead. */
export const configSettings = {
	config: {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "configuration file with contexts (HAPPO_CTL_CONFIG, ~/.config/happo/ctl.yaml)",
	},
	context: {
		kind: "text",
		default: "",
		placeholder: "NAME",
		help: "context of it (HAPPO_CTL_CONTEXT, its current-context)",
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

/** How a command can answer; as the first format says if nothing is asked for. */
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
				? "table is for people, everything else for programs"
				: "how it is written",
		},
	}) as const satisfies SettingTable;

/** Options that every command with agents has. */
export const agentSections: readonly HelpSection[] = [
	{ title: "Which agents", settings: targetSettings },
	{ title: "Whom to believe", settings: trustSettings },
	{ title: "Configuration", settings: configSettings },
];
