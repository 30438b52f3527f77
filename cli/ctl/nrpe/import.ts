import { lookup } from "node:dns/promises";
import { enforcedPluginDirectories } from "../../../src/plugin-directories.ts";
import { maxTimeoutSeconds, parsePolicy } from "../../../src/policy/policy.ts";
import {
	type PolicyValue,
	policyText,
} from "../../../src/policy/policy-text.ts";
import { atoi } from "./c-text.ts";
import { hostsOf, sayHosts } from "./callers.ts";
import { sayCommand } from "./command-entry.ts";
import { decoded, type Machine, makeCommand } from "./command-line.ts";
import { commandName, readNrpeConfig } from "./config-file.ts";
import type { NrpeImport } from "./imported.ts";
import {
	type DaemonFacts,
	examineDaemon,
	tcpWrapperLines,
	thisMachine,
	usualDaemons,
} from "./machine.ts";
import { piecesOf, rawLine } from "./macros.ts";
import { Report, written } from "./report.ts";
import { sayValue, settingsOf } from "./settings.ts";

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

const escapes: Readonly<Record<string, string>> = {
	...{ a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" },
	...{ "\\": "\\", "'": "'", '"': '"', "?": "?" },
};

/** The characters of `nasty_metachars`, in which a backslash begins an escape. */
const nastyCharacters = (value: string) =>
	value.replace(/\\(.)/gs, (_, character: string) => escapes[character] ?? "");

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
	const report = new Report(entries);
	const daemon =
		options.daemon ??
		(await examineDaemon(
			options.daemonFile === undefined ? usualDaemons : [options.daemonFile],
		));
	const machine =
		options.machine ??
		thisMachine(options.pluginDirectories ?? enforcedPluginDirectories);
	const hosts = await hostsOf(report, options.addressesOf ?? systemAddresses);
	const isAllowed = atoi(report.value("dont_blame_nrpe")?.value ?? "0") === 1;
	const wanted = options.arguments ?? "as-nrpe";
	const takesArguments =
		wanted === "as-nrpe"
			? daemon.takesArguments && isAllowed
			: wanted === "yes";
	const nasty = report.value("nasty_metachars")?.value;
	const nrpe = {
		takesArguments,
		prefix: report.value("command_prefix")?.value,
		nastyCharacters:
			nasty === undefined
				? initial.nasty
				: (decoded(nastyCharacters(nasty)) ?? initial.nasty),
	};
	const settings = settingsOf(report, hosts);
	const user = settings.user?.value ?? "nagios";
	const seconds = Math.min(
		settings.commandTimeoutSeconds?.value ?? initial.commandTimeoutSeconds,
		maxTimeoutSeconds,
	);
	const commandLines: string[] = [];
	for (const entry of entries) {
		if (entry.kind === "fault") {
			report.say(entry, entry.subject, "needs you", entry.text, entry.proposal);
			continue;
		}
		const name = commandName(entry.name);
		if (entry.name === "allowed_hosts") {
			if (hosts) sayHosts(report, entry, hosts);
		} else if (name === undefined) sayValue(report, entry, daemon);
		else {
			const later = report.replacedBy(entry);
			if (later) {
				report.say(
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
			commandLines.push(
				...sayCommand(report, name, entry, made, `${seconds}s`, {
					line,
					hasLostArguments,
					nastyCharacters: nrpe.nastyCharacters,
				}),
			);
		}
	}
	const main = { file: Buffer.from(file).toString("latin1"), line: 0 };
	if (!hosts)
		report.say(
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
			report.say(
				{ file, line },
				text,
				"needs you",
				"NRPE also asks TCP wrappers, and the agent does not.",
				"If the line takes somebody's access away, do the same in who of the policy.",
			);
	const networks = hosts?.value.networks ?? ["127.0.0.1", "::1"];
	const isNobody = networks.length === 0;
	const hasCommands = commandLines.some((text) => !text.startsWith("  #"));
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
					hosts
						? `# ${hosts.file}:${hosts.line}: allowed_hosts`
						: "# There is no allowed_hosts: write the monitoring servers here.",
					"who:",
					`  nrpe: ${policyText(who)}`,
				]),
		hasCommands ? "commands:" : "commands: {}",
		...commandLines,
		...(isNobody || !hasCommands
			? ["rules: []"]
			: ["rules:", '  - { who: nrpe, may: check, commands: "*" }']),
		"",
	].join("\n");
	// a policy that the agent refuses would be a mistake of this program
	parsePolicy(policy);
	return {
		...{ policy, settings, report: report.lines },
		files: files.map((each) => written(each)),
	};
}
