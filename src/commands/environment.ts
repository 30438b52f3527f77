import { looksSecret } from "../secret-variable.ts";

/** The settings that select the variables of plugins and commands. */
export interface EnvironmentRules {
	/** Setting `plugin-environment`: names of variables to pass on, or patterns with `*`. */
	passed: readonly string[];
	/** Setting `plugin-locale`: empty, `inherit`, or the name of a locale. */
	locale: string;
}

/**
 * The agent's settings, which may hold secrets, and its supervisor's handles: a plugin must not
 * speak for the agent.
 */
const neverPassed =
	/^(?:HAPPO_AGENT_|LISTEN_|WATCHDOG_|NOTIFY_SOCKET$|CREDENTIALS_DIRECTORY$)/;

/**
 * Variables that configure the agent's Node and npm; a plugin written in JavaScript sets its own.
 */
const nodeVariables = /^(?:NODE_|npm_|UV_)/;

/** Locale variables that are replaced: they set numbers or messages, or override both. */
const replacedLocale = new Set(["LC_ALL", "LC_NUMERIC", "LC_MESSAGES"]);

/**
 * Builds the environment of every command: the agent's own, without its settings, the supervisor's
 * handles, Node's configuration and whatever looks like a secret. `passed` must name a secret to
 * pass it; `*` alone does not. The agent's settings and the supervisor's handles are never passed.
 * Names are case-sensitive.
 *
 * Plugins parse `-w 0.5` with the decimal sign of their locale, so LC_NUMERIC and LC_MESSAGES are C
 * unless `locale` says otherwise. LC_CTYPE is kept; C.UTF-8 if there was none.
 *
 * @returns the variables, and the sorted names of those withheld because they look like secrets
 */
export function childEnvironment(
	environment: NodeJS.ProcessEnv,
	{ passed, locale }: EnvironmentRules,
): { variables: Record<string, string>; heldBack: string[] } {
	const all = passed.includes("*");
	const patterns = passed.filter((entry) => entry !== "*").map(patternOf);
	const variables: Record<string, string> = {};
	const heldBack: string[] = [];
	for (const [name, value] of Object.entries(environment)) {
		if (value === undefined || neverPassed.test(name)) continue;
		if (patterns.some((pattern) => pattern.test(name))) variables[name] = value;
		else if (!all || nodeVariables.test(name)) continue;
		else if (looksSecret(name, value)) heldBack.push(name);
		else variables[name] = value;
	}
	return {
		variables: withLocale(variables, environment, locale),
		heldBack: heldBack.sort(),
	};
}

/** Turns a name into a regular expression; `*` matches any characters. */
function patternOf(entry: string) {
	const parts = entry.split("*").map((part) => part.replace(/\W/g, "\\$&"));
	return new RegExp(`^${parts.join(".*")}$`);
}

function withLocale(
	variables: Record<string, string>,
	environment: NodeJS.ProcessEnv,
	locale: string,
) {
	if (locale === "inherit") return variables;
	const others = Object.entries(variables).filter(
		([name]) => !replacedLocale.has(name) && name !== "LANGUAGE",
	);
	if (locale !== "") return { ...Object.fromEntries(others), LC_ALL: locale };
	const { LC_ALL, LC_CTYPE, LANG } = environment;
	return {
		...Object.fromEntries(others),
		LC_CTYPE: LC_ALL || LC_CTYPE || LANG || "C.UTF-8",
		LC_MESSAGES: "C",
		LC_NUMERIC: "C",
	};
}

/** Says what is wrong with entries of `plugin-environment`; undefined if all are valid. */
export function badVariableNames(
	entries: readonly string[],
): string | undefined {
	const bad = entries.filter(
		(entry) => !/^[A-Za-z_*][A-Za-z0-9_*]*$/.test(entry),
	);
	if (bad.length > 0)
		return `neither a variable name nor a pattern with *: ${bad.join(", ")}`;
	const never = entries.filter((entry) => neverPassed.test(entry));
	return never.length > 0
		? `never passed to plugins: ${never.join(", ")}`
		: undefined;
}
