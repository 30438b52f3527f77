/** How a table of settings becomes values: flag over environment over default. */

interface Named {
	/** One-letter form of the flag, without its dash. */
	short?: string;
	/** One line for help, README and environment file. */
	help: string;
	/** Where the setting can be given; a secret has no flag, `ps` would show it. */
	from?: "environment";
	/** What help, README and the environment file call a value. */
	placeholder?: string;
}

export interface IntegerSetting extends Named {
	kind: "integer";
	default: number;
	minimum: number;
	maximum: number;
	/** A value that means the default, as -1 does for the original's timeout. */
	unset?: number;
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

function integer(setting: IntegerSetting, text: string): number {
	const trimmed = text.trim();
	// a leading zero was octal in the original: refuse rather than guess
	const number = /^[+-]?(0|[1-9]\d*|0[xX][\da-fA-F]+)$/.test(trimmed)
		? Number(trimmed.replace(/^[+-]/, "")) * (trimmed.startsWith("-") ? -1 : 1)
		: Number.NaN;
	if (!Number.isSafeInteger(number))
		throw new Error(`not a whole number: ${text}`);
	if (number === setting.unset) return setting.default;
	if (number < setting.minimum || number > setting.maximum) {
		const also = setting.unset === undefined ? "" : ` or ${setting.unset}`;
		throw new Error(
			`must be ${setting.minimum} to ${setting.maximum}${also}: ${text}`,
		);
	}
	return number;
}

const splitList = (text: string) =>
	text
		.split(",")
		.map((item) => item.trim())
		.filter((item) => item !== "");

const initial = (setting: Setting) =>
	setting.kind === "choice"
		? setting.choices[setting.default]
		: setting.default;

/** One value from the texts it was given as; throws what is wrong with it. */
function convert(setting: Setting, texts: readonly string[]) {
	const last = texts.at(-1) ?? "";
	switch (setting.kind) {
		case "integer":
			return integer(setting, last);
		case "text": {
			const complaint = setting.check?.(last);
			if (complaint) throw new Error(complaint);
			return last;
		}
		case "list": {
			const entries = texts.flatMap(splitList);
			const complaint = setting.check?.(entries);
			if (complaint) throw new Error(complaint);
			return entries;
		}
		case "switch": {
			const value = words[last.trim().toLowerCase()];
			if (value === undefined) throw new Error(`not yes or no: ${last}`);
			return value;
		}
		case "choice": {
			const value = setting.choices[last.trim().toLowerCase()];
			if (value === undefined) {
				const known = Object.keys(setting.choices).join(", ");
				throw new Error(`must be one of ${known}: ${last}`);
			}
			return value;
		}
	}
}

/**
 * The values of a table. `flags` holds the texts given on the command line, in
 * order; `defaults` replace the table's. An empty variable counts as not set.
 * Throws a SettingsError that names every bad value at once.
 */
export function resolveSettings<T extends SettingTable>(
	table: T,
	flags: Readonly<Record<string, readonly string[]>>,
	environment: Readonly<Record<string, string | undefined>>,
	defaults: Partial<SettingValues<T>> = {},
): SettingValues<T> {
	const lines: string[] = [];
	const entries = Object.entries(table).map(([name, setting]) => {
		const variable = environment[variableName(name)];
		const given = flags[name];
		const texts = given ?? (variable ? [variable] : undefined);
		if (texts === undefined) return [name, defaults[name] ?? initial(setting)];
		try {
			return [name, convert(setting, texts)];
		} catch (error) {
			const where = given ? `--${name}` : variableName(name);
			lines.push(`${where}: ${(error as Error).message}`);
			return [name, undefined];
		}
	});
	if (lines.length > 0) throw new SettingsError(lines);
	return Object.fromEntries(entries) as SettingValues<T>;
}
