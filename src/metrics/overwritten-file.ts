import { type FileHandle, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { followLinks, syncDirectory } from "./replaced-file.ts";

/**
 * Errors with which a writable file cannot be replaced: its directory is not writable (EACCES,
 * EPERM, EROFS), it has another owner (EPERM), or it is a mount point, as in containers (EBUSY,
 * EXDEV).
 */
const irreplaceable: ReadonlySet<unknown> = new Set([
	"EACCES",
	"EPERM",
	"EROFS",
	"EBUSY",
	"EXDEV",
]);

/** Whether overwriteFile() may succeed after replaceFile() failed with this error. */
export const isIrreplaceable = (error: unknown): boolean =>
	irreplaceable.has((error as NodeJS.ErrnoException).code);

/** Replaceable steps, so that tests can make them fail. */
export interface OverwriteSteps {
	write(handle: FileHandle, bytes: Buffer): Promise<void>;
}

const systemSteps: OverwriteSteps = {
	write: async (handle, bytes) => {
		for (let at = 0; at < bytes.length; )
			at += (await handle.write(bytes, at, bytes.length - at, at)).bytesWritten;
		await handle.truncate(bytes.length);
		await handle.sync();
	},
};

/**
 * Overwrites a file in place, for when it cannot be replaced. First keeps the old text as
 * `<copies>.previous` and the new one as `<copies>.new`. A crash while writing leaves a mixture of
 * both, which restoreTorn() undoes at the next start. If the write fails, the old text is put back.
 * @param copies path prefix of the copies, in a writable directory
 * @returns why the copies could not be made, in which case a crash would lose the text
 * @throws the system's error; the old text is back, or restoreTorn() is needed
 */
export async function overwriteFile(
	file: string,
	text: string,
	copies: string,
	{ write }: OverwriteSteps = systemSteps,
): Promise<Error | undefined> {
	const target = await followLinks(file);
	// not truncated: a full disk must not destroy the old text
	const handle = await open(target, "r+");
	try {
		const old = await readFile(handle);
		const notKept = await keepCopies(copies, old, text).then(
			() => undefined,
			(error: Error) => error,
		);
		try {
			await write(handle, Buffer.from(text));
		} catch (error) {
			await systemSteps.write(handle, old);
			await rm(`${copies}.new`, { force: true });
			throw error;
		}
		await rm(`${copies}.new`, { force: true });
		return notKept;
	} finally {
		await handle.close();
	}
}

async function keepCopies(copies: string, old: Buffer, text: string) {
	await writeWhole(`${copies}.previous`, old);
	await writeWhole(`${copies}.new`, Buffer.from(text));
	await syncDirectory(dirname(copies));
}

/** Writes a file atomically. */
async function writeWhole(path: string, bytes: Buffer) {
	const fresh = `${path}.tmp`;
	await rm(fresh, { force: true });
	const handle = await open(fresh, "wx", 0o600);
	try {
		await handle.writeFile(bytes);
		await handle.sync();
	} finally {
		await handle.close();
	}
	await rename(fresh, path);
}

/**
 * Restores the old text if a crash interrupted overwriteFile(). The file counts as torn if it is
 * neither the old nor the new text, but each of its bytes is from one of them or NUL. A file edited
 * since then stays unchanged.
 * @returns whether the old text was restored
 * @throws the system's error; the copies stay for another attempt
 */
export async function restoreTorn(
	file: string,
	copies: string,
): Promise<boolean> {
	const fresh = await readFile(`${copies}.new`).catch(unlessMissing);
	if (!fresh) return false;
	const old = await readFile(`${copies}.previous`);
	const handle = await open(await followLinks(file), "r+");
	try {
		const found = await readFile(handle);
		const isTorn = !found.equals(fresh) && isMixture(found, old, fresh);
		if (isTorn) await systemSteps.write(handle, old);
		await rm(`${copies}.new`, { force: true });
		return isTorn;
	} finally {
		await handle.close();
	}
}

function isMixture(found: Buffer, old: Buffer, fresh: Buffer) {
	if (found.equals(old)) return false;
	if (found.length > Math.max(old.length, fresh.length)) return false;
	return found.every(
		(byte, at) => byte === 0 || byte === old[at] || byte === fresh[at],
	);
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
	if (error.code !== "ENOENT") throw error;
}
