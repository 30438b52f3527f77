import { UsageError } from "../argv.ts";
import type { Flags } from "../flag-command.ts";
import { nearest } from "../suggestion.ts";
import type { ConfigFile, Context } from "./config-file.ts";
import { trustSettings } from "./flags.ts";

/**
 * The context that is in force: of the flag, the variable, or the file.
 * @throws UsageError if there is none of that name
 */
export function chosenContext(
	config: ConfigFile,
	flag: string,
	environment: NodeJS.ProcessEnv,
): { name: string; context: Context } {
	const name = flag || environment.HAPPO_CTL_CONTEXT || config.current;
	if (name === "") return { name, context: {} };
	const context = config.contexts.get(name);
	if (!context) throw new UsageError(noContext(config, name));
	return { name, context };
}

/** Why a name is no context. */
export function noContext(
	{ file, contexts }: ConfigFile,
	name: string,
): string {
	const known = [...contexts.keys()];
	const meant = nearest(name, known);
	if (meant !== undefined)
		return `${file}: no context '${name}', did you mean '${meant}'?`;
	return `${file}: no context '${name}'${known.length > 0 ? `, only ${known.join(", ")}` : ""}`;
}

const targets = ["host", "hosts-file", "group"];
const trusts = Object.keys(trustSettings);

/** Flags over a context: who names agents or a trust on the command line means nothing of it that the context does. */
export function overContext(
	context: Context,
	flags: Flags,
): Record<string, readonly string[]> {
	const given = (names: readonly string[]) =>
		names.some((name) => flags[name] !== undefined);
	const dropped = [
		...(given(targets) ? targets : []),
		...(given(trusts) ? trusts : []),
	];
	const kept = Object.entries(context).filter(
		([name]) => !dropped.includes(name),
	);
	return { ...Object.fromEntries(kept), ...flags };
}
