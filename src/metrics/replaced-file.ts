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
/** As many as Linux follows. */
const mostLinks = 40;

/**
 * Replaces a text file as a whole: at every moment, after a power cut too, the name stands for the old text or for the
 * new one. Mode and owner stay; a new file gets 0640. What was there before is kept as `<file>.previous`. A symbolic
 * link stays and its target is replaced.
 * @returns why the previous text could not be kept, if so
 * @throws the system's error, and nothing has changed then: EACCES also for a file that may not be written, although its
 * directory may
 */
export async function replaceFile(
	file: string,
	text: string,
): Promise<Error | undefined> {
	const target = await followLinks(file);
	const old = await stat(target).catch(unlessMissing);
	if (old && !old.isFile()) throw notRegular(target);
	// renaming asks the directory only
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
	// the new text is in place: nothing from here on takes it back
	const notKept = old && (await tryTo(rename(aside, `${target}.previous`)));
	// there still when a crash left both names with one file: renaming does nothing then
	await remove(aside);
	// some file systems cannot
	await tryTo(syncDirectory(dirname(target)));
	return notKept;
}

function notRegular(target: string) {
	return Object.assign(new Error(`not a regular file: ${target}`), {
		code: "EINVAL",
	});
}

/** The name that a path stands for; it need not exist. Throws ELOOP. */
export async function followLinks(file: string) {
	let path = file;
	for (let links = 0; links < mostLinks; links++) {
		// EINVAL: no link
		const to = await readlink(path).catch(() => undefined);
		if (to === undefined) return path;
		path = resolve(dirname(path), to);
	}
	throw Object.assign(new Error(`too many links: ${file}`), { code: "ELOOP" });
}

/** Gives the file the old one's owner, who may not be us; fails rather than to change it. */
async function setOwner(
	handle: FileHandle,
	old: { uid: number; gid: number } | undefined,
) {
	if (!old) return;
	const ours = await handle.stat();
	if (ours.uid !== old.uid || ours.gid !== old.gid)
		await handle.chown(old.uid, old.gid);
}

/** The old file itself under a second name; a copy where the file system has no such thing. */
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
