/** Resolves a table of settings: a flag wins over the variable, the variable over the default. */

interface Named {
	/** One-letter form of the flag, without its dash. */
	short?: string;
	/** One line for help, documents and environment file. */
	help: string;
	/** The setting has no flag: `ps` would show the secret. */
	from?: "environment";
	/** Value in the environment file, for an agent that runs as a service. */
	installed?: string;
	/** Wipe the variable from the process once it has been read. */
	isSecret?: true;
	/** Name of the value in help, documents and environment file. */
	placeholder?: string;
	/**
	 * v1 (Go) has this setting. A value that v1 accepted does not abort startup: the
	 * nearest valid value is used, with a warning.
	 */
	inV1?: true;
}

export interface IntegerSetting extends Named {
	kind: "integer";
	default: number;
	minimum: number;
	maximum: number;
	/** A value that means the default, such as -1 for v1's timeout. */
	unset?: number;
	/** Refuse a value out of range even though v1 has this setting. */
	strictRange?: true;
}

export interface TextSetting extends Named {
	kind: "text";
	default: string;
	/** Returns what is wrong with the text, or undefined. */
	check?: (text: string) => string | undefined;
}

export interface ListSetting extends Named {
	kind: "list";
	default: readonly string[];
	/** Returns what is wrong with the entries, or undefined. */
	check?: (entries: readonly string[]) => string | undefined;
	/** The flag adds to the variable instead of replacing it. */
	adds?: true;
}

export interface SwitchSetting extends Named {
	kind: "switch";
	default: boolean;
	/** Help for the `--no-` flag of a switch that is on by default. */
	helpOff?: string;
}

export interface ChoiceSetting extends Named {
	kind: "choice";
	default: string;
	/** Accepted words, and the value that each stands for. */
	choices: Readonly<Record<string, string>>;
	/** Further words that v1 accepts, and the nearest choice for each. */
	nearest?: Readonly<Record<string, string>>;
}

export type Setting =
	| IntegerSetting
	| TextSetting
	| ListSetting
	| SwitchSetting
	| ChoiceSetting;

/** Settings by their long flag, without the dashes. */
export type SettingTable = Readonly<Record<string, Setting>>;

type Value<S extends Setting> = S extends { kind: "integer" }
	? number
	: S extends { kind: "list" }
		? readonly string[]
		: S extends { kind: "switch" }
			? boolean
			: string;

export type SettingValues<T extends SettingTable> = {
	-readonly [K in keyof T]: Value<T[K]>;
};

/** Environment variable of a setting: `HAPPO_AGENT_` and the flag in capitals. */
export function variableName(name: string): string {
	return `HAPPO_AGENT_${name.replaceAll("-", "_").toUpperCase()}`;
}

/** What sets a setting: `--port`, `HAPPO_AGENT_PORT`; undefined if nothing does. */
export function sourceOf(
	name: string,
	flags: Readonly<Record<string, readonly string[]>>,
	environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
	if (flags[name]) return `--${name}`;
	return environment[variableName(name)] ? variableName(name) : undefined;
}

/** All invalid values of the command line and the environment, one line each: `<where>: <what is wrong>`. */
export class SettingsError extends Error {
	readonly lines: readonly string[];

	constructor(lines: readonly string[]) {
		super(lines.join("\n"));
		this.lines = lines;
	}
}

// the words that Go's strconv.ParseBool accepts, and common others
const words: Readonly<Record<string, boolean>> = {
	...{ "1": true, t: true, true: true, y: true, yes: true, on: true },
	...{ "0": false, f: false, false: false, n: false, no: false, off: false },
};

type Source = "flag" | "variable";

/** A value; with a complaint if it replaces an invalid text. */
interface Converted {
	value: unknown;
	complaint?: string;
}

function wholeNumber(setting: IntegerSetting, text: string): Converted {
	const trimmed = text.trim();
	const digits = trimmed.replace(/^[+-]/, "");
	const sign = trimmed.startsWith("-") ? -1 : 1;
	if (/^(0|[1-9]\d*|0[xX][\da-fA-F]+)$/.test(digits))
		return { value: Number(digits) * sign };
	// v1 reads a leading zero as octal (Go's base 0), which is rarely intended
	if (setting.inV1 && /^0[0-7]+$/.test(digits))
		return {
			value: Number.parseInt(digits, 8) * sign,
			complaint: `a leading zero makes the number octal: ${text}`,
		};
	return { value: Number.NaN };
}

function integer(
	setting: IntegerSetting,
	text: string,
	source: Source,
): Converted {
	const { inV1 = false, strictRange = false, minimum, maximum } = setting;
	const read = wholeNumber(setting, text);
	const number = read.value as number;
	const isUsable = inV1 ? !Number.isNaN(number) : Number.isSafeInteger(number);
	if (!isUsable) {
		const complaint = `not a whole number: ${text}`;
		// v1 ignores such a variable and refuses such a flag
		if (inV1 && source === "variable")
			return { value: setting.default, complaint };
		throw new Error(complaint);
	}
	if (number === setting.unset) return { ...read, value: setting.default };
	if (number >= minimum && number <= maximum) return read;
	const also = setting.unset === undefined ? "" : ` or ${setting.unset}`;
	const complaint = `must be ${minimum} to ${maximum}${also}: ${text}`;
	if (!inV1 || strictRange) throw new Error(complaint);
	return { value: Math.min(maximum, Math.max(minimum, number)), complaint };
}

const splitList = (text: string) =>
	text
		.split(",")
		.map((item) => item.trim())
		.filter((item) => item !== "");

function list(setting: ListSetting, texts: readonly string[]): Converted {
	const entries = texts.flatMap(splitList);
	const complaint = setting.check?.(entries);
	if (!complaint) return { value: entries };
	// invalid entries abort startup, because lists decide who may do what
	if (setting.inV1 && entries.length === 0)
		return { value: setting.default, complaint };
	throw new Error(complaint);
}

function onOrOff(
	setting: SwitchSetting,
	text: string,
	source: Source,
): Converted {
	const value = words[text.trim().toLowerCase()];
	if (value !== undefined) return { value };
	const complaint = `not yes or no: ${text}`;
	if (setting.inV1 && source === "variable")
		return { value: setting.default, complaint };
	throw new Error(complaint);
}

function choice(setting: ChoiceSetting, text: string): Converted {
	const { choices, nearest = {} } = setting;
	const word = text.trim().toLowerCase();
	if (Object.hasOwn(choices, word)) return { value: choices[word] };
	const complaint = `must be one of ${Object.keys(choices).join(", ")}: ${text}`;
	if (!setting.inV1) throw new Error(complaint);
	const near = Object.hasOwn(nearest, word) ? nearest[word] : undefined;
	return { value: choices[near ?? setting.default], complaint };
}

const initial = (setting: Setting) =>
	setting.kind === "choice"
		? setting.choices[setting.default]
		: setting.default;

/** Converts the texts of a setting to its value. Throws an error that says what is wrong. */
function convert(
	setting: Setting,
	texts: readonly string[],
	source: Source,
): Converted {
	const last = texts.at(-1) ?? "";
	switch (setting.kind) {
		case "integer":
			return integer(setting, last, source);
		case "text": {
			const complaint = setting.check?.(last);
			if (complaint) throw new Error(complaint);
			return { value: last };
		}
		case "list":
			return list(setting, texts);
		case "switch":
			return onOrOff(setting, last, source);
		case "choice":
			return choice(setting, last);
	}
}

/** Returns what is wrong with the texts of a flag, or undefined. */
export function badTexts(
	setting: Setting,
	texts: readonly string[],
): string | undefined {
	try {
		convert(setting, texts, "flag");
		return undefined;
	} catch (error) {
		return (error as Error).message;
	}
}

function shownValue(value: unknown): string {
	return typeof value === "boolean" ? (value ? "yes" : "no") : String(value);
}

/** The texts of a setting, variable before flag if both count; undefined if neither is given. */
function givenTexts(
	setting: Setting,
	flag: readonly string[] | undefined,
	variable: string | undefined,
): readonly string[] | undefined {
	const fromVariable = variable ? [variable] : undefined;
	if (flag && fromVariable && setting.kind === "list" && setting.adds)
		return [...fromVariable, ...flag];
	return flag ?? fromVariable;
}

/**
 * Resolves the values of a table. `flags` has the texts from the command line, in
 * order; `defaults` override the table's. An empty variable counts as not set.
 * `warn` gets a line for each invalid value that is replaced by another. Throws a
 * SettingsError with all invalid values.
 */
export function resolveSettings<T extends SettingTable>(
	table: T,
	flags: Readonly<Record<string, readonly string[]>>,
	environment: Readonly<Record<string, string | undefined>>,
	defaults: Partial<SettingValues<T>> = {},
	warn: (line: string) => void = () => {},
): SettingValues<T> {
	const lines: string[] = [];
	const entries = Object.entries(table).map(([name, setting]) => {
		const flag = flags[name];
		const texts = givenTexts(setting, flag, environment[variableName(name)]);
		if (texts === undefined) return [name, defaults[name] ?? initial(setting)];
		const where = sourceOf(name, flags, environment);
		try {
			const { value, complaint } = convert(
				setting,
				texts,
				flag ? "flag" : "variable",
			);
			if (complaint) warn(`${where}: ${complaint}; using ${shownValue(value)}`);
			return [name, value];
		} catch (error) {
			lines.push(`${where}: ${(error as Error).message}`);
			return [name, undefined];
		}
	});
	if (lines.length > 0) throw new SettingsError(lines);
	return Object.fromEntries(entries) as SettingValues<T>;
}
