/** One option of a command line. */
export interface KnownOption {
	/** Long form without dashes, hyphens between words. */
	long: string;
	/** Short form, one letter. */
	short?: string;
	/** A switch takes no argument of its own; everything else takes one. */
	kind: "switch" | "value";
}

/** A command line that cannot be understood: exit status 2, no stack. */
export class UsageError extends Error {}

interface Found {
	option: KnownOption;
	/** `--no-x` was written. */
	negated: boolean;
}

/** The option of a name as it was written, without its dashes. */
function find(name: string, options: readonly KnownOption[]) {
	const long = name.replaceAll("_", "-");
	const option = options.find((o) => o.long === long || o.short === name);
	if (option) return { option, negated: false };
	const negated = options.find(
		(o) => o.kind === "switch" && `no-${o.long}` === long,
	);
	return negated && { option: negated, negated: true };
}

/** The value of an option, from `=value` or from the arguments that follow. */
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

/** An argument that is an option of these, with what it is given, which is taken from those that follow. */
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
 * The command line with every option written `--long=value`, the one form that
 * clipanion takes whatever the value begins with. Understood are the forms of
 * the original, too: `-long value`, `--long_name=value`, `-s value`. An option
 * takes the next argument whatever that is. Unknown options stay as they are:
 * the command says so.
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

/** It begins as an option; a lone `-` is a word, the name of standard input. */
export const isOption = (argument: string) =>
	argument.startsWith("-") && argument !== "-";
