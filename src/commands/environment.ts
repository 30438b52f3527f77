import { looksSecret } from "../secret-variable.ts";

/** What decides which variables plugins and commands get; both are settings. */
export interface EnvironmentRules {
	/** Setting `plugin-environment`: names, or patterns with `*`, of the variables that are passed on. */
	passed: readonly string[];
	/** Setting `plugin-locale`: empty, `inherit`, or the name of a locale. */
	locale: string;
}

/** The agent's settings, which hold secrets, and the handles of its supervisor: a plugin must not speak for the agent. */
const NEVER =
	/^(?:HAPPO_AGENT_|LISTEN_|WATCHDOG_|NOTIFY_SOCKET$|CREDENTIALS_DIRECTORY$)/;

/** What steers this Node and this npm; a plugin in JavaScript has its own. */
const STEERING = /^(?:NODE_|npm_|UV_)/;

/** Locale variables that reach further than one category, or that other libraries read before it. */
const REPLACED_LOCALE = new Set(["LC_ALL", "LC_NUMERIC", "LC_MESSAGES"]);

/**
 * The environment of every command: what the agent got, less its own settings, the supervisor's handles, what steers
 * Node, and what looks like a secret. A secret that a plugin needs is passed when `passed` names it; `*` alone does not
 * name it. The agent's settings and the supervisor's handles are never passed. Names are compared with their case.
 *
 * Plugins read `-w 0.5` with the decimal sign of their locale, so the locale of numbers and messages is C unless
 * `locale` says otherwise. The character type stays what it was, C.UTF-8 if there was none.
 *
 * @returns the variables, and the names of those held back because they look like secrets, sorted
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
		if (value === undefined || NEVER.test(name)) continue;
		if (patterns.some((pattern) => pattern.test(name))) variables[name] = value;
		else if (!all || STEERING.test(name)) continue;
		else if (looksSecret(name, value)) heldBack.push(name);
		else variables[name] = value;
	}
	return {
		variables: withLocale(variables, environment, locale),
		heldBack: heldBack.sort(),
	};
}

/** A name as a regular expression; `*` stands for any characters. */
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
		([name]) => !REPLACED_LOCALE.has(name) && name !== "LANGUAGE",
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

/** What is wrong with entries of `plugin-environment`; undefined if nothing is. */
export function badVariableNames(
	entries: readonly string[],
): string | undefined {
	const bad = entries.filter(
		(entry) => !/^[A-Za-z_*][A-Za-z0-9_*]*$/.test(entry),
	);
	if (bad.length > 0)
		return `not the name of a variable, or a pattern with *: ${bad.join(", ")}`;
	const never = entries.filter((entry) => NEVER.test(entry));
	return never.length > 0
		? `never passed to plugins: ${never.join(", ")}`
		: undefined;
}
