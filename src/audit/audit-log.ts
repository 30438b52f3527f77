import * as fs from "node:fs";
import { promisify } from "node:util";
import { AgentError } from "../agent-error.ts";
import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import {
	type AuditRecord,
	auditText,
	type DecisionLine,
	lineHash,
	noLine,
	type OutcomeLine,
	parseAuditLine,
	recordText,
} from "../protocol/audit-line.ts";
import { systemReason } from "../system-error.ts";

/** The state of the audit log, for the agent's own status. */
export interface AuditStatus {
	readonly file: string;
	/** Lines written since the start. */
	readonly written: number;
	/** Lines since the start that could not be written. */
	readonly lost: number;
	/** Why lines cannot be written now. */
	readonly problem: string | undefined;
}

/** A file that says what was decided about each request, and how the request ended. */
export interface AuditLog {
	/**
	 * Writes what was decided, before the request runs; resolves when the line is in the file.
	 * Rejects with AgentError `audit-failed` if the line cannot be written and lines are required;
	 * otherwise the loss is counted.
	 */
	decision(line: DecisionLine): Promise<void>;
	/** Writes how a request ended. */
	outcome(line: OutcomeLine): void;
	/** Opens the file by its name again. A file that was renamed or deleted is noticed anyway. */
	reopen(): void;
	status(): AuditStatus;
	/** Writes what is waiting and closes the file. */
	close(): Promise<void>;
}

/** The audit log cannot be opened; one line that names the setting and the file. */
export class AuditLogError extends Error {
	override name = "AuditLogError";
}

/** Limit of the lines that wait for the disk, in characters. */
const maxWaiting = 4 * 1024 * 1024;

/** Limit of one write, in characters: preparing it takes the event loop two milliseconds. */
const maxWrite = 256 * 1024;

/** A disk that takes longer for one write hangs; nobody waits for it any more. */
const hangsAfterMilliseconds = 5_000;

/** How long the stop waits for the last lines. */
const closeMilliseconds = 2_000;

/** Bytes to read from the end of the file, to find its last line; lines are shorter. */
const tailBytes = 2 * 1024 * 1024;

const stat = promisify(fs.stat);
const fstat = promisify(fs.fstat);
const open = promisify(fs.open);
const close = promisify(fs.close);
const truncate = promisify(fs.ftruncate);
const readAt = promisify(fs.read);
const append = promisify(fs.write) as (
	descriptor: number,
	bytes: Uint8Array,
) => Promise<{ bytesWritten: number }>;

const { O_RDWR, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY } = fs.constants;

/** Without waiting, should it be a FIFO. */
const flags = O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY;
const mode = 0o640;

const newline = 10;

/** Where a chain continues. */
interface Chain {
	/** Number and hash of its last line. */
	n: number;
	prev: string;
	/** The last line in the file has no end. */
	isCut: boolean;
	/** The log must say that a line has no end. */
	isCutUntold: boolean;
}

const whole = { isCut: false, isCutUntold: false };

/**
 * Finds where the chain of a file continues.
 * @throws AuditLogError if the file is not an audit log
 */
function chainOf(descriptor: number, size: number, place: string): Chain {
	if (size === 0) return { ...whole, n: 0, prev: noLine };
	const begin = Buffer.alloc(Math.min(size, 5));
	fs.readSync(descriptor, begin, 0, begin.length, 0);
	if (!'{"n":'.startsWith(begin.toString("latin1")))
		throw new AuditLogError(`${place}: is not an audit log`);
	const tail = Buffer.alloc(Math.min(size, tailBytes));
	fs.readSync(descriptor, tail, 0, tail.length, size - tail.length);
	const end = tail.lastIndexOf(newline);
	const lastStart = end < 1 ? 0 : tail.lastIndexOf(newline, end - 1) + 1;
	const last = tail.subarray(lastStart, Math.max(end, 0));
	const n = parseAuditLine(last.toString("utf8"))?.n ?? 0;
	const cut = tail.subarray(end + 1);
	return cut.length === 0
		? { ...whole, n, prev: lineHash(last) }
		: { n: n + 1, prev: lineHash(cut), isCut: true, isCutUntold: true };
}

interface Waiting {
	text: string;
	settle: (error?: Error) => void;
	isRequired: boolean;
}

const ignore = () => {};

/**
 * Opens the audit log. Lines are written in order, those that wait together in one write, and never
 * while the event loop waits. Each holds the hash of the line before it, also across a rotation.
 * @param parts.required whether a decision that cannot be written is an error
 * @param parts.now wall clock in milliseconds
 * @throws AuditLogError if the file cannot be opened
 */
export function createAuditLog(parts: {
	file: string;
	required: boolean;
	log: Pick<Log, "warning" | "error">;
	now?: () => number;
	/** Tests shorten it. */
	hangsAfter?: number;
}): AuditLog {
	const { file, required, log, now = Date.now } = parts;
	const place = `audit-log ${file}`;
	const trouble = createLogRepeats({ log });
	const waiting: Waiting[] = [];
	let waitingCharacters = 0;
	let inFlight: Waiting[] = [];
	let written = 0;
	let lost = 0;
	/** Lost lines that no line of the log mentions yet. */
	let untold = 0;
	/** Why the last of them was lost. */
	let why = "";
	let problem: string | undefined;
	let isHanging = false;
	let isReopening = false;
	let isClosed = false;
	let pumping: Promise<void> | undefined;

	let descriptor: number;
	let inode: number;
	let device: number;
	/** Size of the file after our last write. */
	let size: number;
	let chain: Chain;
	try {
		descriptor = fs.openSync(file, flags, mode);
		const found = fs.fstatSync(descriptor);
		if (!found.isFile())
			throw new AuditLogError(`${place}: is not a regular file`);
		({ size, ino: inode, dev: device } = found);
		chain = chainOf(descriptor, size, place);
	} catch (cause) {
		if (cause instanceof AuditLogError) throw cause;
		throw new AuditLogError(`${place}: ${systemReason(cause)}`, { cause });
	}

	const lose = (lines: number, reason: string) => {
		problem = reason;
		why = reason;
		lost += lines;
		untold += lines;
		trouble.wrong("audit-log", {
			kind: reason,
			level: "error",
			lines: [
				`${place}: ${reason}: ${required ? "requests are refused" : "lines are lost"}`,
			],
		});
	};

	const failed = (reason: string) =>
		new AgentError(
			"audit-failed",
			`the audit log cannot be written: ${reason}`,
		);

	/** Opens the file by its name. Returns why that is impossible, and keeps the old one. */
	const openAgain = async (): Promise<string | undefined> => {
		try {
			const fresh = await open(file, flags, mode);
			const found = await fstat(fresh);
			if (!found.isFile()) {
				await close(fresh);
				return "is not a regular file";
			}
			const old = descriptor;
			descriptor = fresh;
			({ size, ino: inode, dev: device } = found);
			await lookAtEnd();
			await close(old).catch(ignore);
			return undefined;
		} catch (error) {
			return systemReason(error);
		}
	};

	/** Notes whether the last line of the file has an end. */
	const lookAtEnd = async () => {
		const last = Buffer.alloc(1, newline);
		if (size > 0) await readAt(descriptor, last, 0, 1, size - 1);
		chain.isCut = last[0] !== newline;
		chain.isCutUntold ||= chain.isCut;
	};

	/**
	 * Follows a rotation. The chain goes on in the new file.
	 * @throws the reason if the file was deleted and there is no new one
	 */
	const follow = async () => {
		const named = await stat(file).catch(() => undefined);
		let found =
			named?.ino === inode && named.dev === device ? named : undefined;
		if (!found || isReopening) {
			isReopening = false;
			const reason = await openAgain();
			if (reason === undefined) return;
			found = await fstat(descriptor);
			if (found.nlink === 0) throw new Error(reason);
			trouble.wrong("audit-log", {
				kind: `open ${reason}`,
				level: "error",
				lines: [`${place}: not reopened: ${reason}`],
			});
		}
		if (found.size === size) return;
		log.warning(
			found.size < size
				? `${place}: was cut from ${size} to ${found.size} bytes by another program`
				: `${place}: another program wrote ${found.size - size} bytes`,
		);
		size = found.size;
		await lookAtEnd();
	};

	/** Writes bytes; returns how many, and why not all. */
	const put = async (bytes: Buffer) => {
		let done = 0;
		try {
			while (done < bytes.length) {
				const { bytesWritten } = await append(descriptor, bytes.subarray(done));
				done += bytesWritten;
			}
			return { done };
		} catch (error) {
			return { done, reason: systemReason(error) };
		}
	};

	/** Removes the first part of a line, or remembers that it is there. */
	const withdraw = async (part: Buffer) => {
		if (part.length === 0) return;
		try {
			await truncate(descriptor, size);
		} catch {
			size += part.length;
			chain.isCutUntold = true;
			// the end of an earlier part
			const text = part[0] === newline ? part.subarray(1) : part;
			chain.isCut = text.length > 0;
			if (!chain.isCut) return;
			chain.n++;
			chain.prev = lineHash(text);
		}
	};

	/** Writes the lines that wait, as many as fit into one write. */
	const writeGroup = async () => {
		await follow();
		const told = untold;
		const cut = chain.isCutUntold ? [recordText({ event: "cut" }, now())] : [];
		const loss =
			told > 0
				? [recordText({ event: "lost", lines: told, reason: why }, now())]
				: [];
		let characters = 0;
		let count = 0;
		for (const { text } of waiting) {
			if (characters >= maxWrite) break;
			characters += text.length;
			count++;
		}
		inFlight = waiting.splice(0, count);
		waitingCharacters -= characters;
		let { n, prev } = chain;
		const texts = [...cut, ...inFlight.map(({ text }) => text), ...loss];
		const lines = texts.map((text) => {
			n++;
			const line = Buffer.from(`${auditText(text, n, prev)}\n`);
			prev = lineHash(line.subarray(0, -1));
			return { line, n, prev };
		});
		const begin = Buffer.alloc(chain.isCut ? 1 : 0, newline);
		const bytes = Buffer.concat([begin, ...lines.map(({ line }) => line)]);
		const { done, reason } = await put(bytes);
		let end = begin.length;
		let complete = 0;
		for (const { line, n, prev } of lines) {
			if (end + line.length > done) break;
			end += line.length;
			complete++;
			chain = { ...whole, n, prev };
		}
		if (complete > 0) size += end;
		if (complete === lines.length) untold -= told;
		written += complete;
		const ended = Math.max(0, complete - cut.length);
		for (const { settle } of inFlight.slice(0, ended)) settle();
		if (reason === undefined) return;
		await withdraw(bytes.subarray(complete > 0 ? end : 0, done));
		fail(inFlight.slice(ended), reason);
	};

	/** These lines cannot be written. */
	const fail = (lines: readonly Waiting[], reason: string) => {
		lose(lines.length, reason);
		for (const { settle } of lines) settle(failed(reason));
	};

	/** Nobody waits any longer for a disk that hangs. */
	const hang = () => {
		isHanging = true;
		const reason = "the file system does not answer";
		for (const { settle } of inFlight) settle(failed(reason));
		// their requests are refused, so the lines would say what did not happen
		const refused = waiting.filter(({ isRequired }) => isRequired);
		const kept = waiting.filter(({ isRequired }) => !isRequired);
		waiting.splice(0, waiting.length, ...kept);
		waitingCharacters = kept.reduce((sum, { text }) => sum + text.length, 0);
		for (const { settle } of kept) settle();
		fail(refused, reason);
	};

	const pump = async () => {
		while (waiting.length > 0 || isReopening) {
			const late = setTimeout(hang, parts.hangsAfter ?? hangsAfterMilliseconds);
			const before = lost;
			try {
				if (waiting.length > 0) await writeGroup();
				else await follow();
			} catch (error) {
				const group = [...inFlight, ...waiting.splice(0)];
				waitingCharacters = 0;
				fail(group, systemReason(error));
			}
			clearTimeout(late);
			inFlight = [];
			const wasHanging = isHanging;
			isHanging = false;
			if (lost > before && !wasHanging) continue;
			if (problem === undefined) continue;
			problem = undefined;
			trouble.right("audit-log", place);
		}
		pumping = undefined;
	};

	const add = (record: AuditRecord, settle: (error?: Error) => void) => {
		const reason = isClosed
			? "it is closed"
			: isHanging
				? "the file system does not answer"
				: waitingCharacters > maxWaiting
					? "too many lines wait"
					: undefined;
		const isRequired = required && record.event === "decision";
		if (reason !== undefined && (isRequired || !isHanging || isClosed)) {
			lose(1, reason);
			return settle(failed(reason));
		}
		const text = recordText(record, now());
		waitingCharacters += text.length;
		waiting.push({ text, settle, isRequired });
		// not required, and the disk hangs: nobody waits, but the line may be written later
		if (reason !== undefined) settle();
		// lines of the same turn go into one write
		pumping ??= new Promise((resolve) => {
			setImmediate(() => resolve(pump()));
		});
	};

	add({ event: "start", pid: process.pid }, ignore);
	return {
		decision: (line) =>
			new Promise((resolve, reject) => {
				add({ event: "decision", ...line }, (error) =>
					error && required ? reject(error) : resolve(),
				);
			}),
		outcome: (line) => add({ event: "outcome", ...line }, ignore),
		reopen: () => {
			if (isClosed) return;
			isReopening = true;
			pumping ??= pump();
		},
		status: () => ({ file, written, lost, problem }),
		close: async () => {
			if (isClosed) return;
			add({ event: "stop" }, ignore);
			isClosed = true;
			let timer: NodeJS.Timeout | undefined;
			const late = new Promise<void>((resolve) => {
				timer = setTimeout(resolve, closeMilliseconds);
			});
			await Promise.race([pumping, late]);
			clearTimeout(timer);
			if (pumping === undefined) await close(descriptor);
		},
	};
}
