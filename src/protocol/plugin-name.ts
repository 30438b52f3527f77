/** A name as a request gives it, in the parts that it can mean. */
export interface CalledPlugin {
	/** All of it. */
	whole: string;
	/** Its first word. */
	name: string;
	/** What stands behind that word. */
	options: string;
}

/** Leaves out the blanks around a name, and the `.` and empty segments of its path, as the original did. */
export function calledPlugin(given: string): CalledPlugin {
	const name = trimmed(given);
	const [first = ""] = name.split(/[ \t]/, 1);
	return {
		whole: cleaned(name),
		name: cleaned(first),
		options: trimmed(name.slice(first.length)),
	};
}

/** Without the blanks around it. A pattern for those at the end would begin anew at every blank inside. */
function trimmed(text: string): string {
	const isBlank = (at: number) => text[at] === " " || text[at] === "\t";
	let from = 0;
	let to = text.length;
	while (from < to && isBlank(from)) from++;
	while (to > from && isBlank(to - 1)) to--;
	return text.slice(from, to);
}

const cleaned = (path: string) =>
	path
		.split("/")
		.filter((segment) => segment !== "" && segment !== ".")
		.join("/");

/**
 * Gives the reason why a name is refused: it must stay inside the plugin directories and mean nothing to a shell. Blanks
 * around it, and options behind it, are none.
 */
export function checkPluginName(given: string): string | undefined {
	const name = trimmed(given);
	if (name === "") return "is empty";
	if (name.startsWith("/")) return "is an absolute path";
	// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
	if (/[\x00-\x08\x0a-\x1f\x7f]/.test(name)) return "has a control character";
	if (/[^\S \t]/.test(name)) return "has a blank that is neither space nor tab";
	const special = /[|&;<>()$`\\"'*?[\]#~{}!]/.exec(name);
	if (special) return `has the shell character ${special[0]}`;
	if (/(?:^|[/ \t])\.\.(?:[/ \t]|$)/.test(name))
		return "has the path segment ..";
	return calledPlugin(name).name === "" ? "names no file" : undefined;
}
