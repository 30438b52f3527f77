import { type FileHandle, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { followLinks, syncDirectory } from "./replaced-file.ts";

/**
 * Why a file that may be written cannot be replaced: its directory may not be written (EACCES, EPERM, EROFS), its owner
 * is another one (EPERM), or it is a mount point of its own, as containers have them (EBUSY, EXDEV).
 */
const irreplaceable: ReadonlySet<unknown> = new Set([
	"EACCES",
	"EPERM",
	"EROFS",
	"EBUSY",
	"EXDEV",
]);

/** Whether a failed replaceFile() leaves the way to write into the file itself. */
export const isIrreplaceable = (error: unknown): boolean =>
	irreplaceable.has((error as NodeJS.ErrnoException).code);

/** What an overwrite can do without, for tests that break it. */
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
 * Writes a text into a file that cannot be replaced. The old text is kept first as `<copies>.previous`, the new one as
 * `<copies>.new` until it is written: a crash in between leaves a mixture, which restoreTorn() undoes at the next start.
 * A write that fails puts the old text back itself.
 * @param copies path and beginning of the name of the copies, in a directory that may be written
 * @returns why the copies could not be made, if so: then nothing protects against a crash
 * @throws the system's error; the old text is there again, or restoreTorn() is needed
 */
export async function overwriteFile(
	file: string,
	text: string,
	copies: string,
	{ write }: OverwriteSteps = systemSteps,
): Promise<Error | undefined> {
	const target = await followLinks(file);
	// not truncated: a full disk must not cost the old text
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

/** All of it or nothing stands under the name. */
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
 * Undoes an overwriteFile() that a crash has torn: a file in which every byte is of the old text, of the new one, or NUL,
 * but which is neither of them, gets the old text. A file that somebody has edited since stays as it is.
 * @returns whether the old text was put back
 * @throws the system's error; the copies stay, to try again
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
