import { closeSync, openSync, writeSync } from "node:fs";
import { strictJson } from "./strict-json.ts";
import { systemReason } from "./system-error.ts";

const levels = ["debug", "info", "warning", "error"] as const;

export type LogLevel = (typeof levels)[number];

/** `text` is the original's format, `json` one object on each line. */
export type LogFormat = "text" | "json";

/** What a message is about, in this order; undefined is left out. */
export type Fields = Readonly<
	Record<string, string | number | boolean | undefined>
>;

/** A function that gives the fields is called for a line that is written only. */
type Write = (message: string, fields?: Fields | (() => Fields)) => void;

/** Writes one line for each event. */
export interface Log {
	debug: Write;
	info: Write;
	warning: Write;
	error: Write;
	/** Writes at level info, whatever the least level is: for the few lines that every log must have. */
	notice: Write;
	/** Opens the file again under its name: log rotation has moved it away. */
	reopen(): void;
	close(): void;
}

/** `2026-11-22 09:28:20`, local time. */
function timestamp(time: Date): string {
	const two = (n: number) => String(n).padStart(2, "0");
	const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
	return `${date} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

/** A message may hold what a client sent: it must not fake or break lines. */
function escapeControl(message: string): string {
	return message.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, (c) =>
		c === "\n" ? "\\n" : `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
	);
}

/** `key=value,key=value` after the message, as the original; quoted where that is needed to read it. */
export function fieldText(fields: Fields): string {
	const texts = Object.entries(fields).flatMap(([name, value]) => {
		if (value === undefined) return [];
		const text = String(value);
		const plain = /^[^\s",=]+$/.test(text);
		return [`${name}=${plain ? text : JSON.stringify(text)}`];
	});
	return texts.length > 0 ? ` ${texts.join(",")}` : "";
}

const formats: Readonly<
	Record<
		LogFormat,
		(time: Date, level: LogLevel, message: string, fields: Fields) => string
	>
> = {
	text: (time, level, message, fields) =>
		`${timestamp(time)} [${level}] ${escapeControl(message + fieldText(fields))}`,
	json: (time, level, message, fields) =>
		escapeControl(
			strictJson({ time: time.toISOString(), level, message, ...fields }),
		),
};

/**
 * Opens the log. `file` is a path, or `-` or `/dev/stdout` for standard output.
 * A file is created with mode 0640, because messages name clients and plugins.
 * Throws the system's error when the file cannot be opened.
 */
export function openLog(
	file: string,
	level: LogLevel,
	{
		format = "text",
		now = () => new Date(),
	}: { format?: LogFormat; now?: () => Date } = {},
): Log {
	const standardOutput = file === "-" || file === "/dev/stdout";
	const open = () => (standardOutput ? 1 : openSync(file, "a", 0o640));
	let descriptor = open();
	const least = levels.indexOf(level);
	/** What is left of a line that was begun: it goes in front of the next one. */
	let rest: Buffer = Buffer.alloc(0);
	let lost = 0;
	let isClosed = false;

	/** Writes what can be written, and gives what is left. */
	const put = (bytes: Buffer): Buffer => {
		let written = 0;
		try {
			while (written < bytes.length)
				written += writeSync(descriptor, bytes, written);
		} catch {
			// a full disk, or a reader that does not read, must not stop the agent
		}
		return bytes.subarray(written);
	};
	/** False: not a byte of it was written. */
	const putLine = (of: LogLevel, message: string, fields: Fields): boolean => {
		rest = put(rest);
		if (rest.length > 0) return false;
		const line = Buffer.from(
			`${formats[format](now(), of, message, fields)}\n`,
		);
		const left = put(line);
		if (left.length === line.length) return false;
		rest = left;
		return true;
	};
	const write =
		(of: LogLevel, isWanted = levels.indexOf(of) >= least): Write =>
		(message, fields = {}) => {
			if (isClosed || !isWanted) return;
			const said = `${lost} lines of the log could not be written`;
			if (lost > 0 && putLine("warning", said, {})) lost = 0;
			const told = typeof fields === "function" ? fields() : fields;
			if (!putLine(of, message, told)) lost++;
		};
	const closeFile = () => {
		if (!standardOutput) closeSync(descriptor);
	};
	const warn = write("warning");
	return {
		debug: write("debug"),
		info: write("info"),
		warning: warn,
		error: write("error"),
		notice: write("info", true),
		reopen: () => {
			if (isClosed) return;
			try {
				const fresh = open();
				closeFile();
				descriptor = fresh;
				rest = Buffer.alloc(0);
			} catch (error) {
				// better the old file than none
				warn(`logfile ${file}: not reopened: ${systemReason(error)}`);
			}
		},
		close: () => {
			if (isClosed) return;
			isClosed = true;
			closeFile();
		},
	};
}
