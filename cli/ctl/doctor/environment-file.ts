/** A value without the quotes and backslashes of systemd's EnvironmentFile=. */
function unquoted(text: string): string {
	const [, single] = /^'([^']*)'$/.exec(text) ?? [];
	if (single !== undefined) return single;
	const [, double] = /^"((?:[^"\\]|\\.)*)"$/s.exec(text) ?? [];
	if (double !== undefined) return double.replace(/\\(["\\$`])/g, "$1");
	return text.replace(/\\(.)/g, "$1");
}

/**
 * Parses a file of variables as systemd's EnvironmentFile= does: `NAME=value` a line, comments with
 * # or ;, values in quotes, lines continued by a backslash. Values of several lines in quotes are
 * not understood.
 */
export function parseVariables(text: string): Record<string, string> {
	const variables: Record<string, string> = {};
	for (const line of text.replace(/\\\r?\n/g, "").split("\n")) {
		const [, name, value = ""] =
			/^\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
		if (name !== undefined) variables[name] = unquoted(value);
	}
	return variables;
}

/** Splits a line into words at blanks, except in quotes, which go away around or inside a word. */
export const splitAssignments = (line: string): string[] =>
	(line.match(/(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'])+/g) ?? []).map((word) =>
		word.replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'/g, (_, double, single) =>
			String(double ?? single),
		),
	);
