import { closeSync, openSync, writeSync } from "node:fs";
import { strictJson } from "./strict-json.ts";
import { systemReason } from "./system-error.ts";

const levels = ["debug", "info", "warning", "error"] as const;

export type LogLevel = (typeof levels)[number];

/** `text` is the format of v1 (Go); `json` has one object per line. */
export type LogFormat = "text" | "json";

/** Fields of a message, in order; undefined ones are left out. */
export type Fields = Readonly<
	Record<string, string | number | boolean | undefined>
>;

/** A function for the fields is called only if the line is written. */
type Write = (message: string, fields?: Fields | (() => Fields)) => void;

/** Writes one line for each event. */
export interface Log {
	debug: Write;
	info: Write;
	warning: Write;
	error: Write;
	/** Logs at level info, regardless of the configured level: for the few lines that every log must have. */
	notice: Write;
	/** Reopens the file by name, after log rotation has moved it. */
	reopen(): void;
	close(): void;
}

/** `2026-11-22 09:28:20`, local time. */
function timestamp(time: Date): string {
	const two = (n: number) => String(n).padStart(2, "0");
	const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
	return `${date} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

/** Escapes control characters, as text sent by a client must not fake or break lines. */
function escapeControl(message: string): string {
	return message.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, (c) =>
		c === "\n" ? "\\n" : `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
	);
}

/** Formats fields as `key=value,key=value`, as v1 (Go) did; quotes values if necessary. */
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
 * Opens the log. `file` is a path, or `-` or `/dev/stdout` for standard output. A file is created
 * with mode 0640, because messages name clients and plugins. Throws the system's error if the file
 * cannot be opened.
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
	const minLevel = levels.indexOf(level);
	/** The unwritten rest of a line, to be written before the next one. */
	let rest: Buffer = Buffer.alloc(0);
	let lost = 0;
	let isClosed = false;

	/** Writes as much as possible and returns the rest. */
	const put = (bytes: Buffer): Buffer => {
		let written = 0;
		try {
			while (written < bytes.length)
				written += writeSync(descriptor, bytes, written);
		} catch {
			// a full disk or pipe must not stop the agent
		}
		return bytes.subarray(written);
	};
	/** Returns false if no byte was written. */
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
		(of: LogLevel, isWanted = levels.indexOf(of) >= minLevel): Write =>
		(message, fields = {}) => {
			if (isClosed || !isWanted) return;
			const lostLine = `${lost} log lines could not be written`;
			if (lost > 0 && putLine("warning", lostLine, {})) lost = 0;
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
				// keep the old file
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
