import { permissions } from "../../../generated/permissions.ts";
import type { Setting, SettingTable } from "../../../src/setting-table.ts";
import { isOption, UsageError } from "../../program/arguments.ts";
import type { ProgramCommand } from "../../program/command.ts";
import { helpTables, optionsOf } from "../../program/help.ts";
import { nextWords, readCommandLine } from "../../program/selection.ts";
import { didYouMean } from "../../program/suggestion.ts";
import { createCommand } from "../command.ts";
import { connections } from "../flags.ts";
import { loadConfigFile } from "../target/config-file.ts";

/**
 * Scripts for shells. They ask happo-ctl for candidates; without candidates the shell offers files.
 */
export const completionScripts: Readonly<Record<string, string>> = {
	bash: `# happo-ctl completion for bash: source <(happo-ctl completion bash)
_happo_ctl() {
	local line current="\${COMP_LINE:0:COMP_POINT}"
	local -a words
	read -r -a words <<< "$current"
	# a space at the end begins a new word
	[[ $current == *[[:space:]] ]] && words+=("")
	COMPREPLY=()
	while IFS= read -r line; do
		COMPREPLY+=("$line")
	done < <(happo-ctl complete -- "\${words[@]:1}" 2>/dev/null)
	# bash has split the word at = and : and replaces only the part after them
	local word="\${words[\${#words[@]} - 1]}"
	if [[ $word == *[=:]* ]]; then
		local part="\${word%"\${word##*[=:]}"}"
		COMPREPLY=("\${COMPREPLY[@]#"$part"}")
	fi
}
complete -o default -o bashdefault -F _happo_ctl happo-ctl
`,
	zsh: `#compdef happo-ctl
# happo-ctl completion for zsh: source <(happo-ctl completion zsh)
_happo_ctl() {
	local -a candidates
	candidates=("\${(@f)$(happo-ctl complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
	candidates=(\${candidates:#})
	if (( \${#candidates} )); then
		compadd -Q -- $candidates
	else
		_files
	fi
}
compdef _happo_ctl happo-ctl
`,
	fish: `# happo-ctl completion for fish: happo-ctl completion fish | source
function __happo_ctl
	set -l words (commandline -opc) (commandline -ct)
	happo-ctl complete -- $words[2..-1] 2>/dev/null
end
complete -c happo-ctl -a '(__happo_ctl)'
`,
};

const shells = Object.keys(completionScripts);

/** Prints the script for a shell. */
export const completionCommand = createCommand({
	name: "completion",
	help: {
		usage: "completion bash|zsh|fish",
		summary: "print a script for shell completion",
		details:
			"The script completes commands, options, their values, contexts and the hosts of contexts.",
		examples: [
			"completion bash > /etc/bash_completion.d/happo-ctl",
			"completion zsh > ~/.zfunc/_happo-ctl",
			"completion fish > ~/.config/fish/completions/happo-ctl.fish",
		],
		settings: {},
	},
	operands: { minimum: 1, maximum: 1, name: "bash, zsh or fish" },
	async run({ operands, write }) {
		const [shell = ""] = operands;
		const script = completionScripts[shell];
		if (script === undefined)
			throw new UsageError(
				`completion: not bash, zsh or fish: ${shell}${didYouMean(shell, shells)}`,
			);
		await write(script);
		return 0;
	},
});

/** The command that the scripts call. It prints candidates for the last word, one a line. */
export const createCompleteCommand = (
	commands: readonly ProgramCommand[],
): ProgramCommand =>
	createCommand({
		name: "complete",
		isHidden: true,
		help: {
			usage: "complete -- WORD...",
			summary: "print candidates for the last word",
			details: "",
			examples: [],
			settings: {},
		},
		operands: {
			minimum: 0,
			maximum: Number.POSITIVE_INFINITY,
			name: "WORD",
		},
		async run({ operands, environment, write }) {
			// ignore an invalid file here: every other command reports it
			const config = await loadConfigFile("", environment).catch(
				() => undefined,
			);
			const contexts = config ? [...config.contexts] : [];
			const names = completionCandidates(operands, commands, {
				contexts: contexts.map(([name]) => name),
				hosts: [
					...new Set(
						contexts.flatMap(([, { host = [], via = [] }]) => [
							...host,
							...via,
						]),
					),
				],
			});
			await write(names.map((name) => `${name}\n`).join(""));
			return 0;
		},
	});

/** Completions of a word. If there are none, the shell offers files. */
export type Candidates = readonly string[];

/** Names from the configuration file. */
export interface KnownNames {
	contexts: readonly string[];
	hosts: readonly string[];
}

const topicNames: Candidates = [connections.name];

/** Candidates for the first operand, by command. */
const firstWords: Readonly<Record<string, Candidates>> = {
	completion: shells,
	"policy explain": permissions,
};

/** Candidates for the value of an option. */
function valuesFor(
	name: string,
	setting: Setting,
	known: KnownNames,
): Candidates {
	if (setting.kind === "choice") return Object.keys(setting.choices);
	if (name === "context") return known.contexts;
	return name === "host" || name === "via" ? known.hosts : [];
}

/**
 * Candidates for the last word of an unfinished command line.
 * @param words all words after the program's name; the last one may be empty
 */
export function completionCandidates(
	words: readonly string[],
	commands: readonly ProgramCommand[],
	known: KnownNames,
): Candidates {
	const visible = commands.filter(({ isHidden }) => !isHidden);
	const before = words.slice(0, -1);
	const current = words.at(-1) ?? "";
	const line = readCommandLine(before, visible, optionsOf);
	const { command, path } = line;
	const [next] = line.operands;
	if (words[0] === "help" && words.length > 1)
		return [
			...nextWords(words.slice(1, -1), visible),
			...(words.length === 2 ? topicNames : []),
		].filter((candidate) => candidate.startsWith(current));
	const tables: SettingTable[] = command ? helpTables(command.help) : [];
	const settings = Object.assign({}, ...tables) as Record<string, Setting>;
	const beginning = (candidates: Candidates) =>
		candidates.filter((candidate) => candidate.startsWith(current));

	// everything after the name of a plugin belongs to the plugin
	if (next !== undefined && command?.operands?.isCommandLine) return [];
	const last = before.at(-1) ?? "";
	const awaited = Object.entries(settings).find(
		([name, { short, kind }]) =>
			kind !== "switch" && (last === `--${name}` || last === `-${short}`),
	);
	if (awaited) return beginning(valuesFor(...awaited, known));
	const [, name = "", value] = /^--([\w-]+)=(.*)$/.exec(current) ?? [];
	const bound = settings[name];
	if (bound && value !== undefined)
		return beginning(
			valuesFor(name, bound, known).map((one) => `--${name}=${one}`),
		);
	if (isOption(current))
		return beginning([
			...Object.entries(settings)
				.filter(([, { from }]) => from !== "environment")
				.map(([name]) => `--${name}`),
			"--help",
		]);
	const following = next === undefined ? nextWords(path, visible) : [];
	const first = next === undefined ? (firstWords[path.join(" ")] ?? []) : [];
	const help = path.length === 0 && next === undefined ? ["help"] : [];
	return beginning([...following, ...first, ...help]);
}
