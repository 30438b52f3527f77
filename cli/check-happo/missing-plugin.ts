import { calledPlugin } from "../../src/protocol/plugin-name.ts";
import type { CheckOptions } from "./arguments.ts";
import { oneLine, type Result } from "./result.ts";

const unknown = 3;

/** A shell's exit statuses for a plugin that it cannot execute, and for one that does not exist. */
const failures: Readonly<Record<number, string>> = {
	126: "cannot run the plugin",
	127: "has no plugin",
};

/**
 * An agent's message about such a plugin, in the words of its shell: dash (as in our agent) has
 * `/bin/sh: 1: /path/check_x: not found`, bash has `line 1`.
 */
const refused =
	/^stdout=, stderr=(?:\/bin\/)?sh: (?:line )?(?:\d+: )?([^\n]+?): ([^\n]+)\n?$/;

/**
 * Says which host lacks the plugin of a check. At exit status 127, monitoring systems ask whether the
 * plugin exists, as if check_happo were missing. Other results stay as they are, and so do a plugin's
 * own 126 and 127.
 */
export function explainMissing(
	result: Result,
	{ target, plugin }: Pick<CheckOptions, "target" | "plugin">,
): Result {
	const failure = failures[result.status];
	const [, file = "", words = ""] =
		(failure !== undefined && refused.exec(result.output)) || [];
	const { name } = calledPlugin(plugin);
	if (name === "" || (file !== name && !file.endsWith(`/${name}`)))
		return result;
	return {
		output: `UNKNOWN(happo-agent): ${oneLine(`${target.text} ${failure} ${name} (${file}: ${words})`)}\n`,
		status: unknown,
	};
}
