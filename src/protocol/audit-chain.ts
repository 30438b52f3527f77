import {
	lineHash,
	noLine,
	parseAuditLine,
	type ReadLine,
} from "./audit-line.ts";

/** Something to know about a place in the files. */
export interface AuditFinding {
	readonly file: string;
	/** Line in the file, from 1. */
	readonly line: number;
	readonly text: string;
}

/** What the verification of a chain has found. */
export interface AuditResult {
	/** Lines read. */
	readonly lines: number;
	/** Lines that were changed, are missing or do not belong there. */
	readonly findings: readonly AuditFinding[];
	/** Findings beyond the limit. */
	readonly more: number;
	/** What explains itself, such as a crash. */
	readonly notes: readonly AuditFinding[];
	/** The first and the last line of the chain. */
	readonly first: ReadLine | undefined;
	readonly last: ReadLine | undefined;
	/** Hash of the last line, to keep elsewhere. */
	readonly lastHash: string | undefined;
	/** Expected hashes that no line has. */
	readonly unknown: readonly string[];
}

/** Limit of findings that are kept. */
const maxFindings = 1_000;

interface Read {
	file: string;
	line: number;
	hash: string;
	isWhole: boolean;
	/** Undefined if it is no line of the log. */
	record: ReadLine | undefined;
}

const numbers = (from: number, to: number) =>
	from === to ? `line number ${from} is` : `lines number ${from} to ${to} are`;

const named = ({ n, id }: ReadLine) =>
	`number ${n}${typeof id === "string" ? `, id ${id}` : ""}`;

/**
 * Verifies the chain of lines of an audit log, read in order, of one file or several.
 * @param expected hashes of lines that were kept elsewhere
 */
export class AuditVerifier {
	readonly #findings: AuditFinding[] = [];
	readonly #notes: AuditFinding[] = [];
	#more = 0;
	#lines = 0;
	#first: ReadLine | undefined;
	/** The line with the highest number so far, to which the next one is linked. */
	#head: Read | undefined;
	/** The line read last. */
	#previous: Read | undefined;
	/** A line that is not in its place; those linked to it are not either. */
	#stray: Read | undefined;
	/** Numbers that were missing where they belong: from, to, and where that was seen. */
	#gaps: { from: number; to: number; at: Read; before: Read }[] = [];
	readonly #strayNumbers = new Set<number>();
	/** A line whose link did not fit: it or the one before was changed, which the next line shows. */
	#suspect: { at: Read; before: Read } | undefined;
	/** A line without sense, which the next line may explain. */
	#senseless: Read | undefined;
	readonly #unknown: Set<string>;
	/** Files in the order in which they were read. */
	readonly #order = new Map<string, number>();

	constructor(expected: readonly string[] = []) {
		this.#unknown = new Set(expected);
	}

	#find({ file, line }: { file: string; line: number }, text: string) {
		if (this.#findings.length < maxFindings)
			this.#findings.push({ file, line, text });
		else this.#more++;
	}

	#note({ file, line }: { file: string; line: number }, text: string) {
		if (this.#notes.length < maxFindings)
			this.#notes.push({ file, line, text });
	}

	/**
	 * Takes the next line.
	 * @param bytes without its end
	 * @param isWhole whether it has an end
	 */
	take(file: string, line: number, bytes: Uint8Array, isWhole: boolean): void {
		this.#lines++;
		const record = isWhole
			? parseAuditLine(Buffer.from(bytes).toString("utf8"))
			: undefined;
		const read = { file, line, hash: lineHash(bytes), isWhole, record };
		this.#unknown.delete(read.hash);
		if (!this.#order.has(file)) this.#order.set(file, this.#order.size);
		if (record) this.#takeRecord(read, record);
		else {
			this.#settle();
			this.#senseless = read;
		}
		this.#previous = read;
	}

	/** Reports what no later line can explain any more. */
	#settle() {
		if (this.#senseless)
			this.#find(
				this.#senseless,
				"was changed: it is no line of the audit log",
			);
		this.#senseless = undefined;
		if (this.#suspect) this.#changed(this.#suspect.before, this.#suspect.at);
		this.#suspect = undefined;
	}

	#changed(before: Read, at: Read) {
		this.#find(
			before,
			`was changed (${before.record ? named(before.record) : "no number"}): line ${at.line} has the hash of another text`,
		);
	}

	/** Takes the line after one without sense. Returns whether that stood for a line of the chain. */
	#explain(senseless: Read, { event, prev, n }: ReadLine): boolean {
		this.#senseless = undefined;
		if (event === "cut" && prev === senseless.hash)
			this.#note(
				senseless,
				"has no end, as the next line says: the agent crashed, or the disk was full",
			);
		else if (senseless.isWhole)
			this.#find(senseless, "was changed: it is no line of the audit log");
		else
			this.#find(senseless, "has no end, and the next line does not say why");
		return n === (this.#head?.record?.n ?? 0) + 2;
	}

	#takeRecord(read: Read, record: ReadLine) {
		const senseless = this.#senseless;
		if (senseless && this.#explain(senseless, record))
			return this.#accept(read, record);
		const head = this.#head;
		if (!head?.record) {
			this.#first = record;
			if (record.prev !== noLine)
				this.#note(
					read,
					`is number ${record.n}: the lines before it are in an older file`,
				);
			else if (record.n !== 1)
				this.#find(read, `begins a chain, but is number ${record.n}`);
			return this.#accept(read, record);
		}
		const expected = head.record.n + 1;
		if (record.prev === head.hash && record.n === expected) {
			this.#stray = undefined;
			// this line is linked to the one that seemed wrong, so the line before that one was changed
			this.#settle();
			return this.#accept(read, record);
		}
		if (record.n === 1 && record.prev === noLine) {
			this.#settle();
			this.#find(
				read,
				`begins a new chain, not linked to the line before (${named(head.record)}): a file was missing when the agent started, lines were removed, or the files are not in the order in which they were written`,
			);
			return this.#accept(read, record);
		}
		if (record.n === expected) return this.#unlinked(read, record, head);
		if (record.n > expected) {
			this.#settle();
			this.#gaps.push({
				from: expected,
				to: record.n - 1,
				at: read,
				before: head,
			});
			return this.#accept(read, record);
		}
		this.#outOfPlace(read, record);
	}

	/** Its number fits, but not its link. */
	#unlinked(read: Read, record: ReadLine, head: Read) {
		const suspect = this.#suspect;
		if (suspect) {
			// two links in a row are wrong: the line between them was changed
			this.#suspect = undefined;
			this.#changed(suspect.at, read);
		} else this.#suspect = { at: read, before: head };
		this.#accept(read, record);
	}

	#outOfPlace(read: Read, record: ReadLine) {
		const gap = this.#gaps.at(-1);
		if (gap && gap.at === this.#previous && record.n === gap.from + 1) {
			// its number was changed, too
			this.#gaps.pop();
			this.#changed(gap.at, read);
			return this.#accept(read, record);
		}
		this.#strayNumbers.add(record.n);
		const stray = this.#stray;
		this.#stray = read;
		if (stray?.record && record.prev === stray.hash) return;
		const { record: before } = this.#head ?? {};
		this.#find(
			read,
			`is not in its place (${named(record)}): it comes after number ${before?.n}`,
		);
	}

	#accept(read: Read, record: ReadLine) {
		this.#first ??= record;
		const last = this.#previous?.record;
		if (record.event === "start" && last && last.event !== "stop")
			this.#note(
				read,
				"the agent started without having closed the log before: it crashed or was killed",
			);
		if (record.event === "lost")
			this.#note(
				read,
				`the agent could not write ${String(record.lines)} lines before this one: ${String(record.reason)}`,
			);
		this.#head = read;
	}

	/** Call it once, after the last line. */
	end(): AuditResult {
		const senseless = this.#senseless;
		if (senseless && !senseless.isWhole) {
			this.#senseless = undefined;
			this.#note(
				senseless,
				"has no end: the agent is writing it or has crashed, or the file was cut",
			);
		}
		this.#settle();
		for (const { from, to, at, before } of this.#gaps) {
			let isElsewhere = true;
			for (let n = from; n <= to && isElsewhere; n++)
				isElsewhere = this.#strayNumbers.has(n);
			if (isElsewhere) continue;
			const where =
				at.file === before.file
					? `between line ${before.line} and this one`
					: `between ${before.file} line ${before.line} and this one`;
			this.#find(at, `${numbers(from, to)} missing ${where}`);
		}
		const at = ({ file }: AuditFinding) => this.#order.get(file) ?? 0;
		const order = (one: AuditFinding, other: AuditFinding) =>
			at(one) - at(other) || one.line - other.line;
		return {
			lines: this.#lines,
			findings: [...this.#findings].sort(order),
			more: this.#more,
			notes: this.#notes,
			first: this.#first,
			last: this.#head?.record,
			lastHash: this.#previous?.hash,
			unknown: [...this.#unknown],
		};
	}
}
