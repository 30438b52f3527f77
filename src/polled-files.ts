import type { BigIntStats, PathLike } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import type { Log } from "./log.ts";
import { inTurn } from "./turn.ts";

/** Changes when a file is replaced or written, except for a second write within the same clock tick. */
export function fileVersion(found: BigIntStats): string {
	const { dev, ino, size, mtimeNs, ctimeNs } = found;
	return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
}

/**
 * Reads a file, but not a FIFO or a device, which might never end.
 * @throws the system's error, or an Error "not a regular file"
 */
export async function readRegularFile(file: PathLike): Promise<Buffer> {
	const found = await stat(file);
	// the system's own words say more of a directory
	if (!found.isFile() && !found.isDirectory())
		throw new Error("not a regular file");
	return readFile(file);
}

/** A busy disk answers a stat within a second, and writes a small file within a few. */
const lateAfterMilliseconds = 5000;

/** A file system does not answer: a disk or the server of a network mount has died. */
export class FileHangs extends Error {
	override name = "FileHangs";
	/** The file, or files, being checked or worked on. */
	readonly file: string;

	constructor(file: string) {
		super("the file system does not answer");
		this.file = file;
	}
}

/**
 * Runs work on files that may be on a hanging mount, one piece at a time, like inTurn(). A piece
 * begins once `look` has answered for each file. A piece that is late is rejected with FileHangs,
 * and so are all others, at once, until it finishes: so a hang holds only one thread, however many
 * callers there are. A piece that has not begun in time never begins; one that has continues when
 * the file system answers.
 * @param parts.files checked in this order
 * @param parts.look resolves when the file system has answered, with any result; must not use
 * libuv's pool, which the work uses
 */
export function createFileTurn({
	files,
	look,
	lateMilliseconds = lateAfterMilliseconds,
}: {
	files: readonly string[];
	look: (file: string) => Promise<unknown>;
	lateMilliseconds?: number | undefined;
}): <T>(work: () => Promise<T>) => Promise<T> {
	const inOrder = inTurn();
	/** The file being checked, or the files being worked on. */
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
 * Waits until the file systems of all files have answered, and logs the file whose system hangs.
 * The agent cannot start without these files.
 * @param parts.files empty ones are skipped
 * @param parts.look see createFileTurn
 */
export async function untilAnswered(parts: {
	files: readonly string[];
	look: (file: string) => Promise<unknown>;
	log: Pick<Log, "error">;
	lateMilliseconds?: number;
}): Promise<void> {
	const { look, log, lateMilliseconds = lateAfterMilliseconds } = parts;
	for (const file of parts.files) {
		if (file === "") continue;
		let isSaid = false;
		// an interval, because a pending look does not keep the process alive
		const late = setInterval(() => {
			if (!isSaid)
				log.error(
					`${file}: ${new FileHangs(file).message}, startup is waiting for it`,
				);
			isSaid = true;
		}, lateMilliseconds);
		await look(file).finally(() => clearInterval(late));
	}
}
