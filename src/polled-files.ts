import type { BigIntStats } from "node:fs";
import type { Log } from "./log.ts";
import { inTurn } from "./turn.ts";

/** Differs when a file was replaced or written; one that is written again in the same tick of its clock has the same. */
export function fileVersion(found: BigIntStats): string {
	const { dev, ino, size, mtimeNs, ctimeNs } = found;
	return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
}

/** A busy disk answers a look within a second, and writes a small file within a few. */
const LATE_MILLISECONDS = 5000;

/** A file system does not answer: the server of a network mount has died, or a disk. */
export class FileHangs extends Error {
	override name = "FileHangs";
	/** The file, or the files, that were looked at or worked on. */
	readonly file: string;

	constructor(file: string) {
		super("the file system does not answer");
		this.file = file;
	}
}

/**
 * Runs work on files one piece after the other, as inTurn() does, where the files may lie on a mount that hangs. A piece
 * begins when a look at each file has been answered. One that is not done in time is rejected with FileHangs, and so
 * are all others, at once, until it is done: what hangs holds one thread, however often it is asked for. A piece that
 * has not begun in time never begins; one that has goes on when the file system answers.
 * @param parts.files looked at in this order
 * @param parts.look resolves when the file system has answered, whatever it says; takes no thread of libuv's pool, which
 * the work takes
 */
export function createFileTurn({
	files,
	look,
	lateMilliseconds = LATE_MILLISECONDS,
}: {
	files: readonly string[];
	look: (file: string) => Promise<unknown>;
	lateMilliseconds?: number | undefined;
}): <T>(work: () => Promise<T>) => Promise<T> {
	const inOrder = inTurn();
	/** The file that is looked at, or those that are worked on. */
	let current = "";
	let hangs: FileHangs | undefined;

	const onceAnswered = async <T>(work: () => Promise<T>) => {
		for (const file of files) {
			current = file;
			await look(file);
			if (hangs) throw hangs;
		}
		current = files.join(", ");
		return work();
	};

	const inTime = <T>(work: () => Promise<T>) =>
		new Promise<T>((resolve, reject) => {
			if (hangs) return reject(hangs);
			const late = setTimeout(() => {
				hangs = new FileHangs(current);
				reject(hangs);
			}, lateMilliseconds);
			onceAnswered(work)
				.then(resolve, reject)
				.finally(() => {
					clearTimeout(late);
					hangs = undefined;
				});
		});

	return (work) => inOrder(() => inTime(work));
}

/**
 * Waits until the file systems of files have answered, and says in the log which one does not: what is read at the start
 * has nothing that could take its place.
 * @param parts.files empty ones are left out
 * @param parts.look see createFileTurn
 */
export async function untilAnswered(parts: {
	files: readonly string[];
	look: (file: string) => Promise<unknown>;
	log: Pick<Log, "error">;
	lateMilliseconds?: number;
}): Promise<void> {
	const { look, log, lateMilliseconds = LATE_MILLISECONDS } = parts;
	for (const file of parts.files) {
		if (file === "") continue;
		let isSaid = false;
		// again and again: a look does not keep the process alive
		const late = setInterval(() => {
			if (!isSaid)
				log.error(`${file}: ${new FileHangs(file).message}, the start waits`);
			isSaid = true;
		}, lateMilliseconds);
		await look(file).finally(() => clearInterval(late));
	}
}
