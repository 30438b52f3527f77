/** One option of a command line. */
export interface KnownOption {
	/** Long form without leading dashes, with hyphens between words. */
	long: string;
	/** Short form, one letter. */
	short?: string;
	/** A switch takes no value; every other option takes one. */
	kind: "switch" | "value";
}

/** An invalid command line: exit status 2, no stack trace. */
export class UsageError extends Error {}

interface Found {
	option: KnownOption;
	/** `--no-x` was written. */
	negated: boolean;
}

/** Finds an option by its name on the command line, without leading dashes. */
function find(name: string, options: readonly KnownOption[]) {
	const long = name.replaceAll("_", "-");
	const option = options.find((o) => o.long === long || o.short === name);
	if (option) return { option, negated: false };
	const negated = options.find(
		(o) => o.kind === "switch" && `no-${o.long}` === long,
	);
	return negated && { option: negated, negated: true };
}

/** The value of an option: `=value` or the next argument, which it removes from `following`. */
function optionValue(
	{ option, negated }: Found,
	bound: string | undefined,
	following: string[],
): string {
	if (negated) {
		if (bound !== undefined)
			throw new UsageError(`--no-${option.long}: takes no value: ${bound}`);
		return "no";
	}
	if (bound !== undefined) return bound;
	if (option.kind === "switch") return "yes";
	const next = following.shift();
	if (next === undefined)
		throw new UsageError(`--${option.long}: needs a value`);
	return next;
}

/**
 * Rewrites an argument to `--long=value`; undefined if it is none of these options. If the value is
 * the next argument, removes it from `following`.
 * @throws UsageError for a missing or superfluous value
 */
export function takeOption(
	argument: string,
	following: string[],
	options: readonly KnownOption[],
): string | undefined {
	const match = /^--?([A-Za-z][\w-]*)(?:=([\s\S]*))?$/.exec(argument);
	const found = match?.[1] ? find(match[1], options) : undefined;
	return (
		found &&
		`--${found.option.long}=${optionValue(found, match?.[2], following)}`
	);
}

/**
 * Rewrites every option of a command line to `--long=value`, the only form in which clipanion
 * accepts any value. Accepts v1's forms too: `-long value`, `--long_name=value`, `-s value`. An
 * option takes the next argument even if that begins with a dash. Unknown options stay as they are;
 * the command reports them.
 * @throws UsageError for a missing or superfluous value
 */
export function normaliseArguments(
	args: readonly string[],
	options: readonly KnownOption[],
): string[] {
	const rest = [...args];
	const normal: string[] = [];
	while (rest.length > 0) {
		const argument = rest.shift() ?? "";
		if (argument === "--") return [...normal, argument, ...rest];
		normal.push(takeOption(argument, rest, options) ?? argument);
	}
	return normal;
}

/** Whether an argument is written as an option. A single `-` is not: it names standard input. */
export const isOption = (argument: string) =>
	argument.startsWith("-") && argument !== "-";
