import { calledPlugin } from "../../src/protocol/plugin-name.ts";
import type { CheckOptions } from "./arguments.ts";
import { oneLine, type Result } from "./result.ts";

const unknown = 3;

/** Exit statuses of a shell for a plugin that it cannot execute, and for one that does not exist. */
const failures: Readonly<Record<number, string>> = {
	126: "cannot run the plugin",
	127: "has no plugin",
};

/**
 * The message of an agent for such a plugin, with the words of its shell: dash's, which ours uses,
 * `/bin/sh: 1: /path/check_x: not found`, or bash's with `line 1`.
 */
const refused =
	/^stdout=, stderr=(?:\/bin\/)?sh: (?:line )?(?:\d+: )?([^\n]+?): ([^\n]+)\n?$/;

/**
 * Says which host lacks the plugin of a check. For the exit status 127 monitoring systems ask whether
 * the plugin exists, which reads as if check_happo did not. Other results, and a plugin's own 126 and
 * 127, stay as they are.
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
