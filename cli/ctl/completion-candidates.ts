import type { Setting, SettingTable } from "../../src/setting-table.ts";
import { isOption } from "../argv.ts";
import { helpTables, optionsOf } from "../help.ts";
import type { ProgramCommand } from "../program.ts";
import { selectCommand, wordsBehind } from "../selection.ts";

/** What can stand in the place of a word. Nothing: the shell offers files. */
export type Candidates = readonly string[];

/** Names that only the configuration knows. */
export interface KnownNames {
	contexts: readonly string[];
	hosts: readonly string[];
}

/** What can follow an option that takes a value. */
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
 * Candidates for the last word of a command line that is not finished.
 * @param words behind the program's name; the last one may be empty
 */
export function completionCandidates(
	words: readonly string[],
	commands: readonly ProgramCommand[],
	known: KnownNames,
): Candidates {
	const visible = commands.filter(({ isHidden }) => !isHidden);
	const before = words.slice(0, -1);
	const current = words.at(-1) ?? "";
	const { command, path, next } = selectCommand(before, visible, optionsOf);
	const tables: SettingTable[] = command ? helpTables(command.help) : [];
	const settings = Object.assign({}, ...tables) as Record<string, Setting>;
	const beginning = (candidates: Candidates) =>
		candidates.filter((candidate) => candidate.startsWith(current));

	// behind the name of a plugin everything is the plugin's
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
	const following = next === undefined ? wordsBehind(path, visible) : [];
	const shells =
		path.join(" ") === "completion" && next === undefined
			? ["bash", "zsh", "fish"]
			: [];
	const help = path.length === 0 && next === undefined ? ["help"] : [];
	return beginning([...following, ...shells, ...help]);
}
