/** How a table of settings becomes values: flag over environment over default. */

interface Named {
	/** One-letter form of the flag, without its dash. */
	short?: string;
	/** One line for help, README and environment file. */
	help: string;
	/** Where the setting can be given; a secret has no flag, `ps` would show it. */
	from?: "environment";
	/** Value for an agent that runs as a service, which the environment file gives. */
	installed?: string;
	/** Its variable is wiped from the process once it has been read. */
	isSecret?: true;
	/** What help, README and the environment file call a value. */
	placeholder?: string;
	/**
	 * The original had this setting. A value that it started with does not stop the
	 * start: the nearest one that makes sense is used, and a warning says so.
	 */
	original?: true;
}

export interface IntegerSetting extends Named {
	kind: "integer";
	default: number;
	minimum: number;
	maximum: number;
	/** A value that means the default, as -1 does for the original's timeout. */
	unset?: number;
	/** Refuse a value out of range, although the original had this setting. */
	strictRange?: true;
}

export interface TextSetting extends Named {
	kind: "text";
	default: string;
	/** What is wrong with the text; undefined if nothing is. */
	check?: (text: string) => string | undefined;
}

export interface ListSetting extends Named {
	kind: "list";
	default: readonly string[];
	/** What is wrong with the entries; undefined if nothing is. */
	check?: (entries: readonly string[]) => string | undefined;
	/** The flag adds to the variable, where it otherwise replaces it. */
	adds?: true;
}

export interface SwitchSetting extends Named {
	kind: "switch";
	default: boolean;
	/** What turning it off does, where it is on by default. */
	helpOff?: string;
}

export interface ChoiceSetting extends Named {
	kind: "choice";
	default: string;
	/** Accepted words; a value is the word it stands for. */
	choices: Readonly<Record<string, string>>;
	/** Words that an original setting may hold as well, and the choice that is nearest. */
	nearest?: Readonly<Record<string, string>>;
}

export type Setting =
	| IntegerSetting
	| TextSetting
	| ListSetting
	| SwitchSetting
	| ChoiceSetting;

/** Settings by the long form of their flag, without its dashes. */
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

/** Every bad value of one start, one line each: `<where>: <what is wrong>`. */
export class SettingsError extends Error {
	readonly lines: readonly string[];

	constructor(lines: readonly string[]) {
		super(lines.join("\n"));
		this.lines = lines;
	}
}

// what Go's strconv.ParseBool takes, and the words people write
const words: Readonly<Record<string, boolean>> = {
	...{ "1": true, t: true, true: true, y: true, yes: true, on: true },
	...{ "0": false, f: false, false: false, n: false, no: false, off: false },
};

/** Where a value was given. */
type Source = "flag" | "variable";

/** A value, and what is wrong with the text that it stands in for. */
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
	// Go's base 0, which nobody means today
	if (setting.original && /^0[0-7]+$/.test(digits))
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
	const { original = false, strictRange = false, minimum, maximum } = setting;
	const read = wholeNumber(setting, text);
	const number = read.value as number;
	const isUsable = original
		? !Number.isNaN(number)
		: Number.isSafeInteger(number);
	if (!isUsable) {
		const complaint = `not a whole number: ${text}`;
		// the original ignored such a variable, and refused such a flag
		if (original && source === "variable")
			return { value: setting.default, complaint };
		throw new Error(complaint);
	}
	if (number === setting.unset) return { ...read, value: setting.default };
	if (number >= minimum && number <= maximum) return read;
	const also = setting.unset === undefined ? "" : ` or ${setting.unset}`;
	const complaint = `must be ${minimum} to ${maximum}${also}: ${text}`;
	if (!original || strictRange) throw new Error(complaint);
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
	// bad entries stop the start: they decide who may do what
	if (setting.original && entries.length === 0)
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
	if (setting.original && source === "variable")
		return { value: setting.default, complaint };
	throw new Error(complaint);
}

function choice(setting: ChoiceSetting, text: string): Converted {
	const { choices, nearest = {} } = setting;
	const word = text.trim().toLowerCase();
	if (Object.hasOwn(choices, word)) return { value: choices[word] };
	const complaint = `must be one of ${Object.keys(choices).join(", ")}: ${text}`;
	if (!setting.original) throw new Error(complaint);
	const near = Object.hasOwn(nearest, word) ? nearest[word] : undefined;
	return { value: choices[near ?? setting.default], complaint };
}

const initial = (setting: Setting) =>
	setting.kind === "choice"
		? setting.choices[setting.default]
		: setting.default;

/** One value from the texts it was given as; throws what is wrong with it. */
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

/** What is wrong with the texts of a flag; undefined if nothing is. */
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

/** The texts of a setting in the order in which they count; undefined if it is not given. */
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
 * The values of a table. `flags` holds the texts given on the command line, in
 * order; `defaults` replace the table's. An empty variable counts as not set.
 * `warn` gets a line for each value that another one is used for. Throws a
 * SettingsError that names every bad value at once.
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
		const where = flag ? `--${name}` : variableName(name);
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
