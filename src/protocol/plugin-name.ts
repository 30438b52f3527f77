/** A plugin name from a request, split both ways it can be understood. */
export interface CalledPlugin {
	/** The whole text as a name. */
	whole: string;
	/** The first word as a name. */
	name: string;
	/** The text after the first word. */
	options: string;
}

/** Splits a name. Like v1, drops blanks around it, and `.` and empty segments of its path. */
export function calledPlugin(given: string): CalledPlugin {
	const name = trimmed(given);
	const [first = ""] = name.split(/[ \t]/, 1);
	return {
		whole: cleaned(name),
		name: cleaned(first),
		options: trimmed(name.slice(first.length)),
	};
}

/** Trims spaces and tabs. A pattern for trailing blanks would take quadratic time. */
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

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\x00-\x08\x0a-\x1f\x7f]/;

/** Whether a text has a control character other than a tab. */
export const hasControlCharacter = (text: string): boolean =>
	controls.test(text);

/**
 * Returns why a plugin name is refused, or undefined. It must stay inside the plugin directories
 * and mean nothing to a shell. Blanks around it and options after it are allowed.
 */
export function checkPluginName(given: string): string | undefined {
	const name = trimmed(given);
	if (name === "") return "is empty";
	if (name.startsWith("/")) return "is an absolute path";
	if (hasControlCharacter(name)) return "has a control character";
	if (/[^\S \t]/.test(name)) return "has a blank that is neither space nor tab";
	const special = /[|&;<>()$`\\"'*?[\]#~{}!]/.exec(name);
	if (special) return `has the shell character ${special[0]}`;
	if (/(?:^|[/ \t])\.\.(?:[/ \t]|$)/.test(name))
		return "has the path segment ..";
	return calledPlugin(name).name === "" ? "names no file" : undefined;
}
