import { lookup } from "node:dns/promises";
import { enforcedPluginDirectories } from "../../../src/plugin-directories.ts";
import {
	isPolicyName,
	maxTimeoutSeconds,
	PolicyError,
	parsePolicy,
} from "../../../src/policy/policy.ts";
import { type PolicyValue, policyText } from "../output/policy-text.ts";
import { safeLine } from "../output/terminal.ts";
import { allowedEntries, allowedEntry } from "./allowed-hosts.ts";
import { atoi } from "./c-text.ts";
import {
	decoded,
	type Machine,
	type MadeCommand,
	makeCommand,
	type Unmade,
} from "./command-line.ts";
import {
	type ConfigEntry,
	commandName,
	readNrpeConfig,
} from "./config-file.ts";
import type {
	Found,
	NrpeImport,
	NrpeSettings,
	ReportLine,
} from "./imported.ts";
import {
	type DaemonFacts,
	examineDaemon,
	tcpWrapperLines,
	thisMachine,
	usualDaemons,
} from "./machine.ts";
import { hasLoneDollar, piecesOf, rawLine } from "./macros.ts";

/** What an import may be told; all of it is found out without. */
export interface ImportOptions {
	/** Whether commands get slots for arguments: as NRPE took them, or in any case. */
	readonly arguments?: "as-nrpe" | "yes" | "no";
	/** Plugin directories of the agent. */
	readonly pluginDirectories?: readonly string[];
	/** The NRPE daemon's binary. */
	readonly daemonFile?: string;
	readonly machine?: Machine;
	readonly daemon?: DaemonFacts;
	/** The addresses of a name; none if it has none. */
	readonly addressesOf?: (name: string) => Promise<readonly string[]>;
	/** hosts.allow and hosts.deny. */
	readonly tcpWrapperFiles?: readonly string[];
}

/** The main file cannot be read, or has nothing that NRPE would read. */
export class NrpeConfigError extends Error {
	override name = "NrpeConfigError";
}

/** NRPE's own values for what a configuration does not set. */
const initial = { commandTimeoutSeconds: 60, nasty: "|`&><'\\[]{};\r\n" };
/** NRPE answers it itself. */
const helloCommand = "_NRPE_CHECK";

const escapes: Readonly<Record<string, string>> = {
	...{ a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" },
	...{ "\\": "\\", "'": "'", '"': '"', "?": "?" },
};

/** The characters of `nasty_metachars`, in which a backslash begins an escape. */
const nastyCharacters = (value: string) =>
	value.replace(/\\(.)/gs, (_, character: string) => escapes[character] ?? "");

/** A text for a report or a comment, in one line. */
const written = (bytes: string, maximum = 500): string => {
	const text = safeLine(Buffer.from(bytes, "latin1").toString("utf8"));
	return text.length > maximum ? `${text.slice(0, maximum)}…` : text;
};

type Outcome = ReportLine["outcome"];
type Value = ConfigEntry & { kind: "value" };
type Place = { readonly file: string; readonly line: number };

/** Sentences about settings that say the same whatever their value. */
const notes: Readonly<Record<string, [Outcome, string, string?]>> = {
	server_port: [
		"imported",
		"The port for check_nrpe; the agent has the setting nrpe-port for it.",
	],
	server_address: [
		"imported",
		"The address to listen on; the agent has the setting listen-address for all its ports.",
	],
	nrpe_user: [
		"imported",
		"Commands run as this user. Sudoers lines, groups and state files may name it.",
		"Run the agent as this user, or give its rights to the agent's user.",
	],
	nrpe_group: ["imported", "Commands run in this group."],
	connection_timeout: [
		"imported",
		"Nothing to do: the agent has time limits of its own for connections.",
	],
	max_commands: [
		"imported",
		"The agent limits how many commands run at once as well, by the setting max-commands.",
	],
	keep_env_vars: [
		"needs you",
		"NRPE leaves these variables in the environment of commands.",
		"Look at the setting plugin-environment, which says what plugins get from the agent.",
	],
	allow_bash_command_substitution: [
		"imported",
		"Nothing to do: no value of a request is ever given to a shell.",
	],
	nasty_metachars: [
		"imported",
		"No value of a request may have these characters.",
	],
	ssl_cipher_list: [
		"tightened",
		"Left out: the agent has its own list of ciphers for TLS 1.2 and 1.3.",
	],
	ssl_cert_file: ["imported", "The certificate; the agent has public-key."],
	ssl_privatekey_file: ["imported", "The key; the agent has private-key."],
	ssl_cacert_file: [
		"imported",
		"The CAs of client certificates; the agent has client-ca-file.",
	],
};

const withoutCounterpart = new Set([
	...["log_facility", "log_file", "debug", "disable_syslog", "pid_file"],
	...["listen_queue_size", "allow_weak_random_seed", "ssl_logging"],
	"ssl_shutdown_timeout",
]);

/** The names of all values that NRPE knows, besides commands. */
const knownNames = new Set([
	...Object.keys(notes),
	...withoutCounterpart,
	...["command_prefix", "allowed_hosts", "dont_blame_nrpe"],
	...["command_timeout", "ssl_version", "ssl_use_adh", "ssl_client_certs"],
]);

const clientCertificates = ["no", "asked", "required"] as const;

/** Collects the report, with its lines in the order in which NRPE reads the files. */
class Import {
	readonly report: ReportLine[] = [];
	readonly #values: ReadonlyMap<string, Value>;
	readonly #commands: ReadonlyMap<string, Value>;
	readonly #entries: readonly ConfigEntry[];

	constructor(entries: readonly ConfigEntry[]) {
		this.#entries = entries;
		const values = new Map<string, Value>();
		const commands = new Map<string, Value>();
		for (const entry of entries) {
			if (entry.kind === "fault") continue;
			const command = commandName(entry.name);
			if (command !== undefined) commands.set(command, entry);
			else values.set(entry.name, entry);
		}
		this.#values = values;
		this.#commands = commands;
	}

	say(
		{ file, line }: Place,
		subject: string,
		outcome: Outcome,
		text: string,
		proposal?: string,
	) {
		this.report.push({
			...{
				outcome,
				file: written(file),
				line,
				subject: written(subject),
				text,
			},
			...(proposal !== undefined && { proposal }),
		});
	}

	/** The last value of a name. */
	value(name: string): Value | undefined {
		return this.#values.get(name);
	}

	/** The commands that count, in the order of their last definitions. */
	get commands(): readonly [name: string, entry: Value][] {
		return [...this.#commands];
	}

	/** The last value of a name, converted, and where it is. */
	found<T>(
		name: string,
		convert: (value: string) => T | undefined,
	): Found<T> | undefined {
		const entry = this.value(name);
		const value = entry && convert(entry.value);
		return entry && value !== undefined
			? { value, file: written(entry.file), line: entry.line }
			: undefined;
	}

	get entries(): readonly ConfigEntry[] {
		return this.#entries;
	}

	/** The later entry that replaces one. */
	replacedBy(entry: Value): Value | undefined {
		const command = commandName(entry.name);
		const last =
			command === undefined
				? this.#values.get(entry.name)
				: this.#commands.get(command);
		return last === entry ? undefined : last;
	}
}

function settingsOf(source: Import, hosts: Hosts): NrpeSettings {
	const text = (name: string) => source.found(name, decoded);
	const number = (name: string) => source.found(name, atoi);
	const all = {
		port: number("server_port"),
		address: text("server_address"),
		user: text("nrpe_user"),
		group: text("nrpe_group"),
		allowedHosts: hosts.found,
		commandTimeoutSeconds: number("command_timeout"),
		connectionTimeoutSeconds: number("connection_timeout"),
		maxCommands: source.found("max_commands", (value) =>
			Math.max(0, atoi(value)),
		),
		keepVariables: source.found("keep_env_vars", (value) =>
			decoded(value)
				?.split(",")
				.map((name) => name.trim()),
		),
		certificateFile: text("ssl_cert_file"),
		keyFile: text("ssl_privatekey_file"),
		clientCaFile: text("ssl_cacert_file"),
		clientCertificates: source.found(
			"ssl_client_certs",
			(value) => clientCertificates[atoi(value)],
		),
	};
	return Object.fromEntries(
		Object.entries(all).filter(([, value]) => value !== undefined),
	);
}

/** What all lines of `allowed_hosts` come to. */
interface Hosts {
	found: NonNullable<NrpeSettings["allowedHosts"]> | undefined;
}

/** Reads all `allowed_hosts`, which NRPE adds to each other. */
async function hostsOf(
	source: Import,
	addressesOf: NonNullable<ImportOptions["addressesOf"]>,
): Promise<Hosts> {
	const networks = new Set<string>();
	const names = new Map<string, readonly string[]>();
	const ignored: string[] = [];
	let last: Value | undefined;
	for (const entry of source.entries) {
		if (entry.kind === "fault" || entry.name !== "allowed_hosts") continue;
		last = entry;
		for (const bytes of allowedEntries(entry.value)) {
			const text = decoded(bytes) ?? "?";
			const found = allowedEntry(text);
			if (found.kind === "network") networks.add(found.network);
			else if (found.kind === "ignored") ignored.push(text);
			else {
				const addresses = await addressesOf(found.name);
				names.set(found.name, addresses);
				for (const address of addresses) {
					const entry = allowedEntry(address);
					if (entry.kind === "network") networks.add(entry.network);
				}
			}
		}
	}
	if (!last) return { found: undefined };
	return {
		found: {
			value: {
				networks: [...networks],
				names: [...names].map(([name, addresses]) => ({ name, addresses })),
				ignored,
			},
			file: written(last.file),
			line: last.line,
		},
	};
}

function sayHosts(source: Import, entry: Value, hosts: Hosts) {
	const names = new Map(
		hosts.found?.value.names.map(({ name, addresses }) => [name, addresses]),
	);
	const good: string[] = [];
	for (const bytes of allowedEntries(entry.value)) {
		const text = decoded(bytes) ?? "?";
		const found = allowedEntry(text);
		const say = (outcome: Outcome, text: string, proposal: string) =>
			source.say(entry, `allowed_hosts: ${bytes}`, outcome, text, proposal);
		if (found.kind === "network") good.push(found.network);
		else if (found.kind === "ignored")
			say("needs you", found.reason, found.proposal);
		else {
			const addresses = names.get(found.name) ?? [];
			if (addresses.length > 0)
				say(
					"tightened",
					`NRPE looks the name up at each connection; the policy has the addresses that it has now: ${addresses.join(", ")}.`,
					"Change them in the policy when they change, or use a key or a client certificate instead.",
				);
			else
				say(
					"needs you",
					"The name has no address here, so the policy has none either.",
					"Write the addresses of the monitoring server into the policy.",
				);
		}
	}
	if (good.length > 0)
		source.say(
			entry,
			"allowed_hosts",
			"imported",
			`The caller nrpe comes from ${good.join(", ")}.`,
		);
}

function sayValue(source: Import, entry: Value, daemon: DaemonFacts) {
	const { name, value } = entry;
	const say = (outcome: Outcome, text: string, proposal?: string) =>
		source.say(entry, `${name}=${value}`, outcome, text, proposal);
	const later = source.replacedBy(entry);
	if (later && knownNames.has(name))
		return say(
			"imported",
			`Nothing to do: ${written(later.file)}:${later.line} sets it again, and the last line counts.`,
		);
	const note = Object.hasOwn(notes, name) ? notes[name] : undefined;
	if (note) return say(...note);
	if (withoutCounterpart.has(name))
		return say(
			"imported",
			"Nothing to do: it says nothing about who may run what.",
		);
	switch (name) {
		case "command_prefix":
			return say("imported", "It stands in front of every command.");
		case "command_timeout": {
			const seconds = atoi(value);
			return seconds > maxTimeoutSeconds
				? say(
						"needs you",
						`Commands get ${maxTimeoutSeconds} seconds, the most that a policy can give.`,
						"Write a smaller timeout.",
					)
				: say("imported", "Each command has this timeout.");
		}
		case "dont_blame_nrpe": {
			const isOn = atoi(value) === 1;
			if (!daemon.takesArguments)
				return isOn
					? say(
							"needs you",
							`dont_blame_nrpe never had an effect: ${daemon.evidence}, so NRPE dropped every request with arguments, and $ARGn$ was always empty.`,
							"To let callers give arguments from now on, import with --arguments yes.",
						)
					: say(
							"imported",
							`It never had an effect: ${daemon.evidence}. Requests with arguments are refused, as under NRPE.`,
						);
			return isOn
				? say("imported", "Requests may have arguments; each has a type.")
				: say("imported", "Requests with arguments are refused.");
		}
		case "ssl_version":
			return /^TLSv1\.[23]\+?$/.test(value)
				? say("imported", "The agent speaks TLS 1.2 and 1.3.")
				: say(
						"tightened",
						"The agent speaks TLS 1.2 and 1.3 only.",
						"Update monitoring servers whose check_nrpe cannot do so.",
					);
		case "ssl_use_adh":
			return atoi(value) === 0
				? say("imported", "Anonymous Diffie-Hellman is refused.")
				: say(
						"tightened",
						"Anonymous Diffie-Hellman is refused; the agent always has a certificate.",
						"A check_nrpe from version 3 on needs no change.",
					);
		case "ssl_client_certs":
			return atoi(value) === 2
				? say(
						"imported",
						"The caller nrpe needs a client certificate of any name, as under NRPE.",
						"Say which: certificate: { cn: NAME } in the policy.",
					)
				: say("imported", "Client certificates are not required.");
		default:
			return say(
				/comm?and/i.test(name) ? "needs you" : "imported",
				/\s$/.test(name)
					? "NRPE ignores the line, as there is a blank in front of the =."
					: "NRPE does not know this name and ignores the line.",
				/comm?and/i.test(name)
					? "Correct the line if it was meant to be a command."
					: undefined,
			);
	}
}

/** One command in the policy, or why it is not there. */
interface CommandText {
	entry: Value;
	lines: readonly string[];
}

const commandPairs = (made: MadeCommand, timeout: string): PolicyValue => ({
	run: made.run,
	...(Object.keys(made.slots).length > 0 && { slots: made.slots }),
	timeout,
	...(made.maxValueBytes !== undefined && { "at-most": made.maxValueBytes }),
});

/** What is wrong with a command of a policy; undefined if nothing is. */
function policyFault(name: string, pairs: PolicyValue): string | undefined {
	try {
		parsePolicy(
			`version: 1\ncommands: { ${policyText(name)}: ${policyText(pairs)} }\nrules: []\n`,
		);
		return undefined;
	} catch (error) {
		if (!(error instanceof PolicyError)) throw error;
		return error.problems
			.map((problem) =>
				problem.replace(/^line \d+: commands\.[\w.:-]*(?:\[\d+\])?: /, ""),
			)
			.join("; ");
	}
}

function sayCommand(
	source: Import,
	name: string,
	entry: Value,
	made: MadeCommand | Unmade,
	timeout: string,
	{
		line,
		hasLostArguments,
		nastyCharacters,
	}: { line: string; hasLostArguments: boolean; nastyCharacters: string },
): readonly string[] {
	const subject = `command[${name}]`;
	const where = `${entry.file}:${entry.line}: `;
	const needsYou = (text: string, proposal: string) => {
		source.say(entry, subject, "needs you", text, proposal);
		return [
			`  # needs you: ${written(`${where}${subject}=${entry.value}`)}`,
			`  #   ${safeLine(`${text} ${proposal}`)}`,
		];
	};
	if ("reason" in made) return needsYou(made.reason, made.proposal);
	const pairs = commandPairs(made, timeout);
	const text = decoded(name);
	if (text === undefined || !isPolicyName(text)) {
		const other = written(name)
			.replace(/[^A-Za-z0-9_.:-]+/g, "_")
			.replace(/^[^A-Za-z0-9_]+/, "")
			.slice(0, 100);
		return needsYou(
			"The name has other characters than letters, digits and _ . : - or more than 100, and no command of a policy can have it.",
			`Give it another name here and on the monitoring server, such as ${other || "check"}, and import again.`,
		);
	}
	const nasty = [...nastyCharacters].find((each) => text.includes(each));
	if (nasty !== undefined)
		return needsYou(
			`NRPE refuses every call of it, as the name has ${nasty}, one of nasty_metachars.`,
			"Give it another name, or change nasty_metachars, and import again.",
		);
	if (text === helloCommand)
		return needsYou(
			"NRPE never runs this command, as it answers its name itself.",
			"Take the line out.",
		);
	const fault = policyFault(text, pairs);
	if (fault !== undefined)
		return needsYou(
			`A policy cannot have it: ${fault}.`,
			"Change the line so that each argument stands alone or behind a whole option, or move it into a script, and import again.",
		);
	const lost = hasLostArguments
		? [
				"NRPE ran it without arguments, so its $ARGn$ are left out; --arguments yes makes slots of them.",
			]
		: [];
	const dollars = hasLoneDollar(line)
		? [
				"The line has an odd number of $, and NRPE adds one at its end; so does this command.",
			]
		: [];
	const isTightened = made.tightened.length > 0;
	source.say(
		entry,
		subject,
		isTightened
			? "tightened"
			: lost.length + dollars.length > 0
				? "needs you"
				: "imported",
		[
			`It runs ${written(Buffer.from(policyText(made.run)).toString("latin1"))}.`,
			...dollars,
			...lost,
			...made.tightened,
			...made.notes,
		].join(" "),
		dollars.length > 0
			? "Write $$ for each $ that the command needs."
			: lost.length > 0
				? "Look at what is left, and import with --arguments yes if callers are to give values."
				: undefined,
	);
	const { run, slots, ...others } = pairs as Record<string, PolicyValue>;
	return [
		`  # ${written(`${where}${entry.value}`)}`,
		`  ${policyText(text)}:`,
		`    run: ${policyText(run ?? [])}`,
		...(slots
			? [
					"    slots:",
					...Object.entries(slots as Record<string, PolicyValue>).map(
						([slot, type]) => `      ${slot}: ${policyText(type)}`,
					),
				]
			: []),
		...Object.entries(others).map(
			([key, value]) => `    ${key}: ${policyText(value)}`,
		),
	];
}

const systemAddresses = async (name: string): Promise<readonly string[]> => {
	try {
		const found = await lookup(name, { all: true });
		return [...new Set(found.map(({ address }) => address))];
	} catch {
		return [];
	}
};

/**
 * Makes a policy of the configuration of NRPE: who may call, which commands there are, and what
 * their arguments may be. It reads what NRPE reads, in its order, and says what has become of each
 * line. What NRPE refuses or ignores, the policy refuses.
 * @param file nrpe.cfg, by its absolute path
 * @throws NrpeConfigError if the file cannot be read
 */
export async function importNrpe(
	file: string,
	options: ImportOptions = {},
): Promise<NrpeImport> {
	const { entries, files } = await readNrpeConfig(file);
	const [first] = entries;
	if (files.length === 0)
		throw new NrpeConfigError(
			`${file}: ${first?.kind === "fault" ? first.text.replace(/ NRPE goes on without it\.$/, "") : "cannot be read"}`,
		);
	const source = new Import(entries);
	const daemon =
		options.daemon ??
		(await examineDaemon(
			options.daemonFile === undefined ? usualDaemons : [options.daemonFile],
		));
	const machine =
		options.machine ??
		thisMachine(options.pluginDirectories ?? enforcedPluginDirectories);
	const hosts = await hostsOf(source, options.addressesOf ?? systemAddresses);
	const isAllowed = atoi(source.value("dont_blame_nrpe")?.value ?? "0") === 1;
	const wanted = options.arguments ?? "as-nrpe";
	const takesArguments =
		wanted === "as-nrpe"
			? daemon.takesArguments && isAllowed
			: wanted === "yes";
	const nasty = source.value("nasty_metachars")?.value;
	const nrpe = {
		takesArguments,
		prefix: source.value("command_prefix")?.value,
		nastyCharacters:
			nasty === undefined
				? initial.nasty
				: (decoded(nastyCharacters(nasty)) ?? initial.nasty),
	};
	const settings = settingsOf(source, hosts);
	const user = settings.user?.value ?? "nagios";
	const seconds = Math.min(
		settings.commandTimeoutSeconds?.value ?? initial.commandTimeoutSeconds,
		maxTimeoutSeconds,
	);
	const texts: CommandText[] = [];
	let commandCount = 0;
	for (const entry of entries) {
		if (entry.kind === "fault") {
			source.say(entry, entry.subject, "needs you", entry.text, entry.proposal);
			continue;
		}
		const name = commandName(entry.name);
		if (entry.name === "allowed_hosts") sayHosts(source, entry, hosts);
		else if (name === undefined) sayValue(source, entry, daemon);
		else {
			const later = source.replacedBy(entry);
			if (later) {
				source.say(
					entry,
					`command[${name}]`,
					"imported",
					`Nothing to do: ${written(later.file)}:${later.line} defines it again, and the last line counts.`,
				);
				continue;
			}
			const line = rawLine(entry.value, nrpe.prefix);
			const made = makeCommand(line, { daemon: nrpe, machine, user });
			const hasLostArguments =
				!takesArguments &&
				piecesOf(line).some((piece) => typeof piece === "object");
			const lines = sayCommand(source, name, entry, made, `${seconds}s`, {
				line,
				hasLostArguments,
				nastyCharacters: nrpe.nastyCharacters,
			});
			if (lines.some((text) => !text.startsWith("  #"))) commandCount++;
			texts.push({ entry, lines });
		}
	}
	const main = { file: Buffer.from(file).toString("latin1"), line: 0 };
	if (!hosts.found)
		source.say(
			main,
			"allowed_hosts",
			"needs you",
			"There is no allowed_hosts, so NRPE answers everybody. The policy has this machine only.",
			"Write the addresses of the monitoring servers into the policy.",
		);
	if (daemon.asksTcpWrappers)
		for (const { file, line, text } of await tcpWrapperLines(
			options.tcpWrapperFiles ?? ["/etc/hosts.allow", "/etc/hosts.deny"],
		))
			source.say(
				{ file, line },
				text,
				"needs you",
				"NRPE also asks TCP wrappers, and the agent does not.",
				"If the line takes somebody's access away, do the same in who of the policy.",
			);
	const networks = hosts.found?.value.networks ?? ["127.0.0.1", "::1"];
	const isNobody = networks.length === 0;
	const isCertificateNeeded = settings.clientCertificates?.value === "required";
	const who: PolicyValue = {
		address: networks,
		...(isCertificateNeeded && { certificate: "any" }),
	};
	const policy = [
		`# Made from ${written(main.file)} by happo-ctl policy import nrpe.`,
		"# Above each command stands the line from which it comes.",
		"version: 1",
		"mode: enforce",
		...(isNobody
			? [
					"# allowed_hosts has no entry that NRPE takes, so nobody may do anything.",
				]
			: [
					hosts.found
						? `# ${hosts.found.file}:${hosts.found.line}: allowed_hosts`
						: "# There is no allowed_hosts: write the monitoring servers here.",
					"who:",
					`  nrpe: ${policyText(who)}`,
				]),
		...(texts.length === 0 || commandCount === 0
			? ["commands: {}"]
			: ["commands:"]),
		...texts.flatMap(({ lines }) => lines),
		...(isNobody || commandCount === 0
			? ["rules: []"]
			: ["rules:", '  - { who: nrpe, may: check, commands: "*" }']),
		"",
	].join("\n");
	// a policy that the agent refuses would be a mistake of this program
	parsePolicy(policy);
	return {
		...{ policy, settings, report: source.report },
		files: files.map((each) => written(each)),
	};
}
