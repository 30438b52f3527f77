import type { components } from "../../../generated/web-schema.ts";
import { hopText } from "../../../src/protocol/hop.ts";
import { hasControlCharacter } from "../../../src/protocol/plugin-name.ts";
import { quotedWord } from "../../../src/protocol/words.ts";
import type { Target, TargetSettings } from "../target/targets.ts";
import type { TrustSettings } from "../target/trust.ts";
import { WebProblem } from "./problem.ts";

type Schemas = components["schemas"];

/** How happo-ctl reaches the agents, which a monitoring system has to do, too. */
export interface WayToAgents {
	reach: Pick<TargetSettings, "key-file">;
	verification: Pick<TrustSettings, "ca-file" | "fingerprint" | "known-hosts">;
}

const defaultPort = 6777;

/** The option line that gives an agent these words. */
export const optionLine = (words: readonly string[]): string =>
	words.map(quotedWord).join(" ");

/** The arguments of check_happo, in pairs of an option and its value. */
function checkOptions(
	target: Target,
	{ plugin, words }: Schemas["CheckCall"],
	{ reach, verification }: WayToAgents,
): [option: string, value: string][] {
	const { host, port } = target.agent;
	const option = optionLine(words);
	const optional: [string, string][] = [
		["-o", option],
		["--ca-file", verification["ca-file"]],
		["--fingerprint", verification.fingerprint],
		["--known-hosts", verification["known-hosts"]],
		["--key-file", reach["key-file"]],
	];
	return [
		["-H", host],
		...(port === defaultPort ? [] : [["-P", String(port)] as [string, string]]),
		...target.via.map((hop): [string, string] => ["-X", hopText(hop)]),
		["-p", plugin],
		...optional.filter(([, value]) => value !== ""),
	];
}

/** A name that Nagios and Icinga accept for an object. */
const objectName = (text: string) =>
	text.replace(/[^\p{L}\p{N} _.:-]/gu, "_").trim() || "_";

/** A text in a definition of Nagios: `$` begins a macro, `;` a comment. */
const forNagios = (text: string) =>
	text.replaceAll("$", "$$$$").replaceAll(";", "\\;");

function nagiosText(
	options: readonly [string, string][],
	host: string,
	service: string,
): string {
	const command = `check_happo_${host}_${service}`.replace(/\s/g, "_");
	const words = options.flatMap(([option, value]) => [
		option,
		forNagios(quotedWord(value)),
	]);
	return `define command {
    command_name  ${command}
    command_line  $USER1$/check_happo monitor -t 50 ${words.join(" ")}
}

define service {
    use                  generic-service
    host_name            ${host}
    service_description  ${service}
    check_command        ${command}
}
`;
}

/** A string of Icinga's language whose value has no macros. */
const icingaString = (text: string) =>
	`"${text.replaceAll("$", "$$$$").replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;

/** The variables of the command `happo`, by the options that they become. */
const icingaVariables: Readonly<Record<string, string>> = {
	"-H": "happo_address",
	"-P": "happo_port",
	"-p": "happo_plugin",
	"-o": "happo_option",
	"--ca-file": "happo_ca_file",
	"--fingerprint": "happo_fingerprint",
	"--known-hosts": "happo_known_hosts",
	"--key-file": "happo_key_file",
};

function icingaText(
	options: readonly [string, string][],
	host: string,
	service: string,
): string {
	const bastions = options.filter(([option]) => option === "-X");
	const variables = options.flatMap(([option, value]) => {
		const name = icingaVariables[option];
		return name ? [`  vars.${name} = ${icingaString(value)}`] : [];
	});
	if (bastions.length > 0)
		variables.push(
			`  vars.happo_bastions = [ ${bastions.map(([, value]) => icingaString(value)).join(", ")} ]`,
		);
	return `object Service "${service}" {
  host_name = "${host}"
  check_command = "happo"
${variables.join("\n")}
}
`;
}

/**
 * A check as the command line of check_happo, and as definitions for Nagios and Icinga.
 * @throws WebProblem for control characters, which the definitions cannot have
 */
export function checkLines(
	target: Target,
	call: Schemas["CheckCall"],
	way: WayToAgents,
): Schemas["Lines"] {
	for (const text of [call.plugin, call.command ?? "", ...call.words])
		if (hasControlCharacter(text))
			throw new WebProblem(
				"bad-request",
				"a word has a control character, which no definition of Nagios or Icinga can have",
			);
	const options = checkOptions(target, call, way);
	const host = objectName(target.label ?? target.agent.host);
	const service = objectName(call.command || call.plugin);
	return {
		check_happo: [
			"check_happo monitor",
			...options.flatMap(([option, value]) => [option, quotedWord(value)]),
		].join(" "),
		nagios: nagiosText(options, host, service),
		icinga: icingaText(options, host, service),
	};
}
