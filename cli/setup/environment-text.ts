import { isUtf8 } from "node:buffer";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { hasPassword, looksSecret } from "../../src/secret-variable.ts";
import { variableName } from "../../src/setting-table.ts";
import { daemonSettings } from "../../src/settings.ts";
import { parseVariables } from "../ctl/doctor/environment-file.ts";
import { at, type Machine } from "./machine.ts";
import { SetupError } from "./setup-error.ts";

/**
 * The text of an environment file; empty if there is none.
 * @throws SetupError if it is not UTF-8: writing it again would change it
 */
export async function environmentText(
	machine: Pick<Machine, "root">,
	path: string,
): Promise<string> {
	const file = at(machine, path);
	if (!existsSync(file)) return "";
	const bytes = await readFile(file);
	if (!isUtf8(bytes)) throw new SetupError(`${path}: not UTF-8`);
	return bytes.toString();
}

/** A value as a line of an environment file has it, for systemd and for a shell. */
function quoted(value: string): string {
	if (/^[\w@%+=:,./*-]*$/.test(value)) return value;
	return `"${value.replace(/["\\$`]/g, "\\$&")}"`;
}

const assignment = (name: string) => new RegExp(`^\\s*${name}\\s*=`);

/** The lines that assign a variable; a continued line counts as one. */
function linesOf(text: string): string[] {
	const lines: string[] = [];
	for (const line of text.split("\n")) {
		const last = lines.at(-1);
		if (last?.endsWith("\\")) lines[lines.length - 1] = `${last}\n${line}`;
		else lines.push(line);
	}
	return lines;
}

/**
 * Sets variables in the text of an environment file, and leaves everything else as it is. A line
 * that is commented out, as in the file of the package, makes room for the variable; otherwise it
 * comes to the end.
 * @param values undefined: the variable is commented out
 * @param heading comment above variables at the end
 * @throws SetupError if the file would not give the variable this value
 */
export function withVariables(
	text: string,
	values: Readonly<Record<string, string | undefined>>,
	heading: string,
): string {
	const lines = linesOf(text);
	const added: string[] = [];
	for (const [name, value] of Object.entries(values)) {
		const active = lines.flatMap((line, index) =>
			assignment(name).test(line) ? [index] : [],
		);
		if (value === undefined) {
			for (const index of active)
				lines[index] = (lines[index] ?? "")
					.split("\n")
					.map((line) => `#${line}`)
					.join("\n");
			continue;
		}
		if (parseVariables(text)[name] === value && active.length > 0) continue;
		if (/[\n\r\0]/.test(value))
			throw new SetupError(`${name}: a value of several lines`);
		const line = `${name}=${quoted(value)}`;
		const template = lines.findIndex((line) => line.startsWith(`#${name}=`));
		const place = active.at(-1) ?? (template < 0 ? undefined : template);
		if (place === undefined) added.push(line);
		else lines[place] = line;
	}
	if (added.length > 0) {
		if (lines.at(-1) === "") lines.pop();
		lines.push(...(lines.length > 0 ? [""] : []), `# ${heading}`, ...added, "");
	}
	const made = lines.join("\n");
	const read = parseVariables(made);
	for (const [name, value] of Object.entries(values))
		if (read[name] !== value)
			throw new SetupError(
				`${name}: cannot be set in the environment file, set it by hand`,
			);
	return made;
}

/** The names of settings say whether they are secret; those of other variables only look so. */
function isSecret(name: string, value: string): boolean {
	const declared = Object.entries(daemonSettings).find(
		([setting]) => variableName(setting) === name,
	);
	if (!declared) return looksSecret(name, value);
	return "isSecret" in declared[1] || hasPassword(value);
}

/** An environment file as it may be shown: without the values of secrets. */
export const withoutSecrets = (text: string): string =>
	linesOf(text)
		.map((line) => {
			const [, start = "", name = "", value = ""] =
				/^([\s#]*([A-Za-z_]\w*)\s*=)([\s\S]*)$/.exec(line) ?? [];
			if (value.trim() === "" || !isSecret(name, value)) return line;
			return `${start}(hidden)`;
		})
		.join("\n");
