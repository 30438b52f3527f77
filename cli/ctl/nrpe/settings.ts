import { maxTimeoutSeconds } from "../../../src/policy/policy.ts";
import { atoi } from "./c-text.ts";
import { decoded } from "./command-line.ts";
import type { NrpeSettings } from "./imported.ts";
import type { DaemonFacts } from "./machine.ts";
import { type Outcome, type Report, type Value, written } from "./report.ts";

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

/** What a configuration sets besides commands. */
export function settingsOf(
	report: Report,
	allowedHosts: NrpeSettings["allowedHosts"],
): NrpeSettings {
	const text = (name: string) => report.found(name, decoded);
	const number = (name: string) => report.found(name, atoi);
	const all = {
		port: number("server_port"),
		address: text("server_address"),
		user: text("nrpe_user"),
		group: text("nrpe_group"),
		allowedHosts,
		commandTimeoutSeconds: number("command_timeout"),
		connectionTimeoutSeconds: number("connection_timeout"),
		maxCommands: report.found("max_commands", (value) =>
			Math.max(0, atoi(value)),
		),
		keepVariables: report.found("keep_env_vars", (value) =>
			decoded(value)
				?.split(",")
				.map((name) => name.trim()),
		),
		certificateFile: text("ssl_cert_file"),
		keyFile: text("ssl_privatekey_file"),
		clientCaFile: text("ssl_cacert_file"),
		clientCertificates: report.found(
			"ssl_client_certs",
			(value) => clientCertificates[atoi(value)],
		),
	};
	return Object.fromEntries(
		Object.entries(all).filter(([, value]) => value !== undefined),
	);
}

/** Says what has become of a value that is neither a command nor `allowed_hosts`. */
export function sayValue(report: Report, entry: Value, daemon: DaemonFacts) {
	const { name, value } = entry;
	const say = (outcome: Outcome, text: string, proposal?: string) =>
		report.say(entry, `${name}=${value}`, outcome, text, proposal);
	const later = report.replacedBy(entry);
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
