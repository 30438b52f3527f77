import { readdir, stat } from "node:fs/promises";
import { readRegularFile } from "../../../src/polled-files.ts";
import { systemReason } from "../../../src/system-error.ts";
import { atoi } from "./c-text.ts";

/**
 * What NRPE reads, in its order: `name=value`, or something that goes wrong. Names, values and files
 * have one character for each byte.
 */
export type ConfigEntry =
	| {
			readonly kind: "value";
			readonly name: string;
			readonly value: string;
			readonly file: string;
			readonly line: number;
	  }
	| {
			readonly kind: "fault";
			/** The line as it is written, or the file. */
			readonly subject: string;
			/** What NRPE does, as sentences. */
			readonly text: string;
			readonly proposal: string;
			readonly file: string;
			/** 0 if the whole file is meant. */
			readonly line: number;
	  };

/** What NRPE reads when it starts with a configuration file. */
export interface NrpeConfig {
	readonly entries: readonly ConfigEntry[];
	/** Files in the order in which they are read; one character for each byte. */
	readonly files: readonly string[];
}

/** NRPE reads so many bytes at once; the rest of a longer line counts as another line. */
const maxLineBytes = 2046;
/** Longer paths are cut by NRPE. */
const maxPathBytes = 254;
/** No configuration comes near these; more of them would be a mistake or an attack. */
const maxFileBytes = 16 * 1024 * 1024;
const maxAllBytes = 4 * maxFileBytes;
const maxFiles = 1000;
const maxDirectories = 1000;
const maxDepth = 100;

/** What C calls white space. */
const blanks = " \t\n\v\f\r";

const pathOf = (bytes: string) => Buffer.from(bytes, "latin1");

/** A line, or a piece of a long one. */
interface Line {
	text: string;
	number: number;
	isCut: boolean;
}

const isBlankAt = (text: string, at: number) =>
	blanks.includes(text[at] ?? "x");

/** Where a line ends, without the blanks at its end. A pattern would take quadratic time. */
function endOfText(text: string, from: number, end: number): number {
	let last = end;
	while (last > from && isBlankAt(text, last - 1)) last--;
	return last;
}

/** A text without the blanks around it. */
function trimmed(text: string): string {
	let from = 0;
	while (isBlankAt(text, from)) from++;
	return text.slice(from, endOfText(text, from, text.length));
}

/** Lines as fgets gives them, without line ends and surrounding blanks. */
function linesOf(text: string): Line[] {
	const lines: Line[] = [];
	let number = 0;
	for (let start = 0; start < text.length; ) {
		number++;
		const end = text.indexOf("\n", start) + 1 || text.length;
		const last = endOfText(text, start, end);
		for (let from = start; from < end; from += maxLineBytes) {
			const to = Math.min(end, from + maxLineBytes);
			// C's text ends at a NUL
			const [piece = ""] = text.slice(from, to).split("\0", 1);
			lines.push({
				text: trimmed(piece),
				number,
				isCut: to < last,
			});
		}
		start = end;
	}
	return lines;
}

/** What is shown of a line that is none: the file may be another one, and have secrets. */
const shownStart = (line: string) =>
	/^[\w[\].-]{1,60}/.exec(line)?.[0] ?? "line";

/** The name and value of a line, as strtok cuts it; undefined if it has none. */
function assignment(line: string): { name: string; value: string } | undefined {
	const [, name, value] = /^=*([^=]+)=(.+)$/s.exec(line) ?? [];
	return name === undefined || value === undefined
		? undefined
		: { name, value };
}

const tlsVersions = ["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"].flatMap(
	(version) => [version, `${version}+`],
);

/** Names whose value may end the reading of the file, and what NRPE demands. */
const demands = new Map<string, (value: string) => boolean>([
	["server_port", (value) => atoi(value) >= 1024],
	["command_timeout", (value) => atoi(value) >= 1],
	["connection_timeout", (value) => atoi(value) >= 1],
	["ssl_shutdown_timeout", (value) => atoi(value) >= 1],
	["listen_queue_size", (value) => atoi(value) !== 0],
	["ssl_version", (value) => tlsVersions.includes(value)],
	["ssl_use_adh", (value) => atoi(value) >= 0 && atoi(value) <= 2],
	["ssl_client_certs", (value) => atoi(value) >= 0 && atoi(value) <= 2],
]);

/**
 * The name in `command[name]`, as NRPE cuts it out of what is in front of `=`; undefined if that is
 * no command, "" if the name is empty.
 */
export function commandName(name: string): string | undefined {
	if (!name.includes("command[")) return undefined;
	return /^\[*[^[]+\[\]*([^\]]*)/.exec(name)?.[1] ?? "";
}

/** Reads a configuration as NRPE does: includes where they stand, and nothing behind an error. */
class ConfigReader {
	readonly entries: ConfigEntry[] = [];
	readonly files: string[] = [];
	/** Files that are being read, outermost first. */
	readonly #open: string[] = [];
	#directories = 0;
	#bytes = 0;

	#fault(
		at: { file: string; line: number },
		subject: string,
		text: string,
		proposal: string,
	) {
		this.entries.push({ kind: "fault", subject, text, proposal, ...at });
	}

	async file(file: string, at: { file: string; line: number }): Promise<void> {
		const subject = `include=${file}`;
		if (this.#open.includes(file) || this.#open.length > maxDepth)
			return this.#fault(
				at,
				subject,
				"The file includes itself; NRPE reads it again and again, until it can open no more files or crashes.",
				"Take the line out.",
			);
		if (!file.startsWith("/"))
			return this.#fault(
				at,
				subject,
				"The path is not absolute, so what NRPE reads depends on where it was started.",
				"Write the absolute path, and import again.",
			);
		let text: string;
		try {
			const found = await stat(pathOf(file));
			this.#bytes += found.size;
			if (
				found.size > maxFileBytes ||
				this.#bytes > maxAllBytes ||
				this.files.length >= maxFiles
			)
				throw new Error("too large, or there are too many files");
			text = (await readRegularFile(pathOf(file))).toString("latin1");
		} catch (error) {
			return this.#fault(
				at,
				subject,
				`The file cannot be read: ${systemReason(error)}. NRPE goes on without it.`,
				"Take the line out, or import as a user that may read the file.",
			);
		}
		this.files.push(file);
		this.#open.push(file);
		await this.#lines(file, linesOf(text));
		this.#open.pop();
	}

	async #lines(file: string, lines: readonly Line[]): Promise<void> {
		const ends =
			this.#open.length === 1
				? "NRPE does not start with this line, and does not read what follows."
				: "NRPE ignores the rest of this file.";
		for (const { text, number, isCut } of lines) {
			const at = { file, line: number };
			if (isCut)
				this.#fault(
					at,
					shownStart(text),
					`The line is longer than ${maxLineBytes} bytes; NRPE takes the rest for another line.`,
					"Move the command into a script, and import again.",
				);
			if (text === "" || text.startsWith("#")) continue;
			const found = assignment(text);
			if (!found)
				return this.#fault(
					at,
					shownStart(text),
					`The line has no name or no value. ${ends}`,
					"Correct the line, or take it out, and import again.",
				);
			const { name, value } = found;
			if (commandName(name) === "" || demands.get(name)?.(value) === false)
				return this.#fault(
					at,
					text,
					`NRPE takes this for an error. ${ends}`,
					"Correct the line, and import again.",
				);
			if (name === "include_dir")
				await this.#directory(value.replace(/\/$/, ""), at);
			else if (name === "include" || name === "include_file")
				await this.file(value, at);
			else this.entries.push({ kind: "value", name, value, ...at });
		}
	}

	async #directory(
		directory: string,
		at: { file: string; line: number },
	): Promise<void> {
		const subject = `include_dir=${directory}`;
		if (++this.#directories > maxDirectories)
			return this.#fault(
				at,
				subject,
				"There are too many directories; a link may lead back to one above it.",
				"Take the link out.",
			);
		if (!directory.startsWith("/"))
			return this.#fault(
				at,
				subject,
				"The path is not absolute, so what NRPE reads depends on where it was started.",
				"Write the absolute path, and import again.",
			);
		let names: string[];
		try {
			const found = await readdir(pathOf(directory), {
				encoding: "buffer",
			});
			names = found.map((name) => name.toString("latin1")).toSorted();
		} catch (error) {
			return this.#fault(
				at,
				subject,
				`The directory cannot be read: ${systemReason(error)}. NRPE goes on without it.`,
				"Take the line out, or import as a user that may read the directory.",
			);
		}
		for (const name of names) {
			const path = `${directory}/${name}`;
			const found = await stat(pathOf(path)).catch(() => undefined);
			if (path.length > maxPathBytes)
				this.#fault(
					at,
					path,
					`NRPE cuts the path after ${maxPathBytes} bytes.`,
					"Use a shorter path.",
				);
			else if (name.length > 4 && name.endsWith(".cfg")) {
				if (found?.isFile()) await this.file(path, at);
			} else if (found?.isDirectory() && !name.startsWith("."))
				await this.#directory(path, at);
		}
	}
}

/** Reads a configuration and all that it includes, in the order of NRPE. Never throws. */
export async function readNrpeConfig(file: string): Promise<NrpeConfig> {
	const reader = new ConfigReader();
	const bytes = Buffer.from(file).toString("latin1");
	await reader.file(bytes, { file: bytes, line: 0 });
	return reader;
}
