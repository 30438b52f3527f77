import {
	access,
	constants,
	copyFile,
	type FileHandle,
	link,
	open,
	readlink,
	rename,
	rm,
	stat,
} from "node:fs/promises";
import { dirname, resolve } from "node:path";

const newFileMode = 0o640;
/** Linux's own limit. */
const maxLinks = 40;

/**
 * Replaces a text file atomically: the name refers to the complete old or new text at any time,
 * even after a power failure. Mode and owner are kept; a new file gets 0640. The old file is kept
 * as `<file>.previous`. If the path is a symbolic link, its target is replaced.
 * @returns why the old text could not be kept, or undefined
 * @throws the system's error if nothing was changed. EACCES also for a file that is not writable
 * although its directory is
 */
export async function replaceFile(
	file: string,
	text: string,
): Promise<Error | undefined> {
	const target = await followLinks(file);
	const old = await stat(target).catch(unlessMissing);
	if (old && !old.isFile()) throw notRegular(target);
	// rename only checks the directory's permissions
	if (old) await access(target, constants.W_OK);
	const fresh = `${target}.new`;
	const aside = `${target}.previous.new`;
	try {
		await rm(fresh, { force: true });
		const handle = await open(fresh, "wx", 0o600);
		try {
			await handle.writeFile(text);
			await setOwner(handle, old);
			await handle.chmod(old ? old.mode & 0o7777 : newFileMode);
			await handle.sync();
		} finally {
			await handle.close();
		}
		if (old) await keep(target, aside);
		await rename(fresh, target);
	} catch (error) {
		await remove(fresh);
		await remove(aside);
		throw error;
	}
	// the new text is in place, and stays whatever fails from here on
	const notKept = old && (await tryTo(rename(aside, `${target}.previous`)));
	// it remains if a crash left both names with the same file: rename does nothing then
	await remove(aside);
	// some file systems do not support it
	await tryTo(syncDirectory(dirname(target)));
	return notKept;
}

function notRegular(target: string) {
	return Object.assign(new Error(`not a regular file: ${target}`), {
		code: "EINVAL",
	});
}

/** Resolves symbolic links. The target need not exist. Throws ELOOP. */
export async function followLinks(file: string) {
	let path = file;
	for (let links = 0; links < maxLinks; links++) {
		// EINVAL: not a link
		const to = await readlink(path).catch(() => undefined);
		if (to === undefined) return path;
		path = resolve(dirname(path), to);
	}
	throw Object.assign(new Error(`too many links: ${file}`), { code: "ELOOP" });
}

/** Gives a file the owner of the old one. Fails rather than changing the owner. */
async function setOwner(
	handle: FileHandle,
	old: { uid: number; gid: number } | undefined,
) {
	if (!old) return;
	const ours = await handle.stat();
	if (ours.uid !== old.uid || ours.gid !== old.gid)
		await handle.chown(old.uid, old.gid);
}

/** Hard-links the old file to a second name, or copies it where hard links are not supported. */
async function keep(target: string, aside: string) {
	await rm(aside, { force: true });
	await link(target, aside).catch(() =>
		copyFile(target, aside, constants.COPYFILE_EXCL),
	);
}

async function remove(path: string) {
	await tryTo(rm(path, { force: true }));
}

function tryTo(act: Promise<void>): Promise<Error | undefined> {
	return act.then(
		() => undefined,
		(error) => error,
	);
}

export async function syncDirectory(path: string) {
	const handle = await open(path, "r");
	try {
		await handle.sync();
	} finally {
		await handle.close();
	}
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
	if (error.code !== "ENOENT") throw error;
}
