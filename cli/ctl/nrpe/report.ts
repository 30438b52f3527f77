import { safeLine } from "../output/terminal.ts";
import { type ConfigEntry, commandName } from "./config-file.ts";
import type { Found, ReportLine } from "./imported.ts";

export type Outcome = ReportLine["outcome"];

/** A `name=value` of the configuration. */
export type Value = ConfigEntry & { kind: "value" };

/** A text for a report or a comment, in one line. */
export const written = (bytes: string, maximum = 500): string => {
	const text = safeLine(Buffer.from(bytes, "latin1").toString("utf8"));
	return text.length > maximum ? `${text.slice(0, maximum)}…` : text;
};

/** The entries of a configuration, and what is said of them, in the order in which NRPE reads them. */
export class Report {
	readonly entries: readonly ConfigEntry[];
	readonly lines: ReportLine[] = [];
	readonly #values: ReadonlyMap<string, Value>;
	readonly #commands: ReadonlyMap<string, Value>;

	constructor(entries: readonly ConfigEntry[]) {
		this.entries = entries;
		const values = new Map<string, Value>();
		const commands = new Map<string, Value>();
		for (const entry of entries) {
			if (entry.kind === "fault") continue;
			const command = commandName(entry.name);
			if (command !== undefined) commands.set(command, entry);
			else values.set(entry.name, entry);
		}
		this.#values = values;
		this.#commands = commands;
	}

	/** Says what has become of a subject. It and the file have one character for each byte. */
	say(
		{ file, line }: { readonly file: string; readonly line: number },
		subject: string,
		outcome: Outcome,
		text: string,
		proposal?: string,
	) {
		this.lines.push({
			...{
				outcome,
				file: written(file),
				line,
				subject: written(subject),
				text,
			},
			...(proposal !== undefined && { proposal }),
		});
	}

	/** The last value of a name. */
	value(name: string): Value | undefined {
		return this.#values.get(name);
	}

	/** The last value of a name, converted, and where it is. */
	found<T>(
		name: string,
		convert: (value: string) => T | undefined,
	): Found<T> | undefined {
		const entry = this.value(name);
		const value = entry && convert(entry.value);
		return entry && value !== undefined
			? { value, file: written(entry.file), line: entry.line }
			: undefined;
	}

	/** The later entry that replaces one. */
	replacedBy(entry: Value): Value | undefined {
		const command = commandName(entry.name);
		const last =
			command === undefined
				? this.#values.get(entry.name)
				: this.#commands.get(command);
		return last === entry ? undefined : last;
	}
}
