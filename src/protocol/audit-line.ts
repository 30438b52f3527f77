import { createHash, randomBytes } from "node:crypto";

/** What a caller has proved; never the key itself. */
export interface AuditProof {
	/** The connection came over the admin socket. */
	readonly admin?: true;
	/** Address of the peer. */
	readonly address?: string;
	readonly certificate?: {
		/** SHA-256 of the certificate. */
		readonly fingerprint: string;
		/** Its names, by the conditions of a policy that compare them. */
		readonly uri?: readonly string[];
		readonly dns?: readonly string[];
		readonly email?: readonly string[];
		readonly cn?: string;
	};
	/** Name of the key, as in the policy. */
	readonly key?: string;
}

/** Who asked. */
export interface AskedBy {
	/** Names in the policy that the caller matches; none without a policy. */
	readonly who: readonly string[];
	/** Address of the peer; undefined over the admin socket. */
	readonly address: string | undefined;
	/** Number of agents that have relayed the request, as its headers say. */
	readonly unprovedHops: number;
}

/** What was decided about a request, written before it runs. */
export interface DecisionLine {
	/** From `auditId()`; the outcome has the same one. */
	readonly id: string;
	/** Names in the policy that the caller matches. */
	readonly who: readonly string[];
	readonly proof: AuditProof;
	/** What the headers of the request say about its way. Any client can write them: this is no proof. */
	readonly via?: { readonly unproved_hops: number };
	/** Absent for HTTPS. */
	readonly protocol?: "nrpe";
	/** Operation of the contract; for NRPE, the one that does the same. */
	readonly operation: string;
	/** Name of the command in the policy, or the requested plugin or program if no command matched. */
	readonly command?: string;
	/** The plugin or program that the request names, if it is not `command`. */
	readonly called?: string;
	/** Words of the request, of which those that may be secrets are masked: see `maskedOptions`. */
	readonly options?: readonly string[];
	/**
	 * The request could not be split into words as a policy does it, because of its name or as it
	 * needs a shell: `options` are its pieces between blanks.
	 */
	readonly unsplit?: true;
	/** Values of the command's slots: see `maskedSlots`. */
	readonly slots?: Readonly<Record<string, string | readonly string[]>>;
	/** The next hop of a relayed request. */
	readonly hop?: string;
	readonly decision: "allowed" | "refused" | "would-refuse";
	/** Number of the policy's rule, from 1. */
	readonly rule?: number | undefined;
	readonly reason: string;
}

/** How a request ended. */
export interface OutcomeLine {
	readonly id: string;
	/** Status of the answer; absent if there was none. */
	readonly http_status?: number | undefined;
	/** Exit status of the plugin or command; absent if none ran. */
	readonly exit_status?: number | undefined;
	/** From the request's arrival to its answer. */
	readonly milliseconds: number;
}

/** What the log says about itself. */
export type LogLine =
	/** The agent has opened the log. */
	| { readonly event: "start"; readonly pid: number }
	/** The agent has closed the log in order. */
	| { readonly event: "stop" }
	/** The line before has no end: the agent crashed, or the disk was full. */
	| { readonly event: "cut" }
	/** Lines could not be written. */
	| { readonly event: "lost"; readonly lines: number; readonly reason: string };

export type AuditRecord =
	| ({ readonly event: "decision" } & DecisionLine)
	| ({ readonly event: "outcome" } & OutcomeLine)
	| LogLine;

/** What stands in place of a secret. */
export const mask = "***";

/** Options of the usual plugins whose next word may be a password, a community or credentials. */
const secretOptions = new Set(["-p", "--password", "-a", "-C"]);

/** Options that these plugins use for a password, a passphrase, a community or credentials. */
const secretOptionsOf = new Map<string, readonly string[]>(
	Object.entries({
		check_curl: ["-a", "-b"],
		check_disk_smb: ["-p"],
		check_http: ["-a", "-b"],
		check_ldap: ["-P"],
		check_ldaps: ["-P"],
		check_mysql: ["-p"],
		check_mysql_query: ["-p"],
		check_nt: ["-s"],
		check_pgsql: ["-p"],
		check_radius: ["-p"],
		check_smtp: ["-P"],
		check_snmp: ["-A", "-C", "-X"],
	}),
);

const isPort = /^\d{1,5}$/;

/** Plugins whose `-p` is a port, besides those for HTTP. */
const pluginsWithPort =
	"by_ssh clamd ftp game imap jabber ldap ldaps nntp nntps nrpe nt ntp ntp_peer ntp_time pop simap smtp snmp spop ssh ssmtp tcp time udp ups";

/** Values of such options that are no secrets, for plugins that use the option for something else. */
const openValues = new Map<string, Readonly<Record<string, RegExp>>>([
	...pluginsWithPort
		.split(" ")
		.map((name) => [`check_${name}`, { "-p": isPort }] as const),
	["check_curl", { "-p": isPort, "-C": /^\d{1,4}(?:,\d{1,4})?$/ }],
	["check_http", { "-p": isPort, "-C": /^\d{1,4}(?:,\d{1,4})?$/ }],
	// -C takes no value
	["check_disk", { "-p": /^\//, "-C": /^/ }],
	["check_procs", { "-p": /^\d+$/, "-a": /^/, "-C": /^/ }],
]);

const attachedSecret = /^(-[A-Za-z])(?!-)(.+)$/s;
const secretLong =
	/^(--[\w-]*(?:pass|secret|token|communit|auth)[\w-]*)(=.*)?$/is;

/**
 * Whether an option has a secret for its value: by its long name, or as this plugin uses it. Short
 * options of other plugins are no secrets here, whereas `maskedOptions` masks some to be safe.
 * @param plugin its name
 */
export const takesSecret = (option: string, plugin: string): boolean =>
	secretLong.test(option) ||
	(secretOptionsOf.get(plugin)?.includes(option) ?? false);

const userInfo = /(:\/\/)[^/?#@\s]*:[^/?#@\s]*@/g;

/**
 * Masks what may be a secret in a command line that no template describes: the words after `-p`,
 * `--password`, `-a` and `-C`, and after long options that are named like secrets; also in one word
 * (`-psecret`, `--password=secret`), and the user and password in a URL.
 * @param plugin its name or path, as some use these options for something else, and other ones for secrets
 */
export function maskedOptions(words: readonly string[], plugin = ""): string[] {
	const name = plugin.slice(plugin.lastIndexOf("/") + 1);
	const own = secretOptionsOf.get(name) ?? [];
	const open = openValues.get(name) ?? {};
	const isSecretOption = (option: string) =>
		secretOptions.has(option) || own.includes(option);
	let option: string | undefined;
	return words.map((word) => {
		if (option !== undefined) {
			const isOpen = open[option]?.test(word);
			option = undefined;
			if (!isOpen) return mask;
		}
		const [, long, value] = secretLong.exec(word) ?? [];
		if (long !== undefined) {
			if (value === undefined) option = long;
			return value === undefined ? word : `${long}=${mask}`;
		}
		if (isSecretOption(word)) {
			option = word;
			return word;
		}
		const [, short = "", rest = ""] = attachedSecret.exec(word) ?? [];
		return isSecretOption(short) && !open[short]?.test(rest)
			? `${short}${mask}`
			: word.replace(userInfo, `$1${mask}@`);
	});
}

/** The options of a command line without any values: those of secret slots may be anywhere in it. */
export const maskedWords = (words: readonly string[]): string[] =>
	words.map((word) => {
		const [, option, equals] =
			/^(-[A-Za-z]|--[a-z-]+)(?:(=).*)?$/s.exec(word) ?? [];
		if (option === undefined) return mask;
		return equals === undefined ? option : `${option}=${mask}`;
	});

/**
 * The values of slots, with those of secret slots masked, and what may be secrets in several words.
 * @param plugin see `maskedOptions`
 */
export const maskedSlots = (
	slots: Readonly<Record<string, string | readonly string[]>>,
	secrets: readonly string[],
	plugin?: string,
): Record<string, string | readonly string[]> =>
	Object.fromEntries(
		Object.entries(slots).map(([name, value]) => [
			name,
			secrets.includes(name)
				? mask
				: typeof value === "string"
					? value
					: maskedOptions(value, plugin),
		]),
	);

/** An id for a decision and its outcome: 12 characters that nobody can guess. */
export const auditId = (): string =>
	// a leading dash would look like an option of happo-ctl
	randomBytes(9).toString("base64url").replace(/^-/, "A");

/** Limits of a text and of a list in a line: clients may send megabytes. */
const maxCharacters = 2_048;
const maxWords = 64;

const bounded = (_name: string, value: unknown): unknown => {
	if (typeof value === "string" && value.length > maxCharacters)
		return `${value.slice(0, maxCharacters)}... (${value.length} characters)`;
	if (Array.isArray(value) && value.length > maxWords)
		return [...value.slice(0, maxWords), `... (${value.length} words)`];
	return value;
};

/** Whether a text or list of a line that was read is not all of what there was. */
export const isCut = (value: unknown): boolean =>
	typeof value === "string"
		? value.length > maxCharacters
		: Array.isArray(value) && value.length > maxWords;

/** What `prev` is in the first line of a chain. */
export const noLine = "0".repeat(64);

/** The SHA-256 of a line, without its end. */
export const lineHash = (line: Uint8Array | string): string =>
	createHash("sha256").update(line).digest("hex");

/**
 * The part of a line that does not depend on its place in the chain.
 * @param time milliseconds since 1970
 */
export function recordText(record: AuditRecord, time: number): string {
	const { event, ...fields } = record;
	const { id, ...rest } = fields as { id?: string };
	const whole = {
		time: new Date(time).toISOString(),
		...(id !== undefined && { id }),
		event,
		...rest,
	};
	return JSON.stringify(whole, bounded).slice(1, -1);
}

/**
 * A line of the audit log, without its end.
 * @param record from `recordText`
 * @param n number of the line in its chain, from 1
 * @param prev hash of the line before
 */
export const auditText = (record: string, n: number, prev: string): string =>
	`{"n":${n},${record},"prev":"${prev}"}`;

/** A line of the audit log that was read; only these fields are certain. */
export interface ReadLine {
	readonly n: number;
	readonly time: string;
	readonly event: string;
	readonly prev: string;
	readonly [field: string]: unknown;
}

/** Parses a line; undefined if it is none of the audit log. */
export function parseAuditLine(text: string): ReadLine | undefined {
	try {
		const line = JSON.parse(text) as ReadLine | null;
		return line !== null &&
			Number.isSafeInteger(line.n) &&
			typeof line.event === "string" &&
			typeof line.time === "string" &&
			/^[0-9a-f]{64}$/.test(line.prev)
			? line
			: undefined;
	} catch {
		return undefined;
	}
}
