import { createHash } from "node:crypto";
import { constants } from "node:fs";
import {
	type FileHandle,
	lchown,
	lstat,
	open,
	readlink,
	rename,
	rm,
	symlink,
} from "node:fs/promises";
import { dirname } from "node:path";
import { syncDirectory } from "../../src/metrics/replaced-file.ts";
import { SetupError } from "./setup-error.ts";

/** What is at a path. `mode` has the permissions only. */
export type FileState =
	| { kind: "nothing" }
	| { kind: "file"; sha256: string; mode: number; uid: number; gid: number }
	| { kind: "link"; target: string; uid: number; gid: number };

/** The end of the name under which a file is written before it gets its own. */
export const unfinished = ".happo-setup";

/** Configuration is small; what is larger is something else. */
const maxBytes = 16 * 1024 * 1024;

export const sha256 = (content: Uint8Array): string =>
	createHash("sha256").update(content).digest("hex");

const isMissing = (error: unknown) =>
	["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "");

/**
 * What is at a path, without following a link, and the bytes of a file.
 * @throws SetupError for a directory or a device, and for a file that is no configuration; the
 * system's error
 */
export async function lookAt(
	path: string,
): Promise<{ state: FileState; content: Buffer }> {
	const nothing = Buffer.alloc(0);
	let handle: FileHandle | undefined;
	try {
		const found = await lstat(path);
		if (found.isSymbolicLink()) {
			const target = await readlink(path);
			const { uid, gid } = found;
			return { state: { kind: "link", target, uid, gid }, content: nothing };
		}
		if (!found.isFile()) throw new SetupError(`${path}: not a regular file`);
		handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
		const { mode, uid, gid, size } = await handle.stat();
		if (size > maxBytes)
			throw new SetupError(`${path}: larger than ${maxBytes} bytes`);
		const content = await handle.readFile();
		return {
			state: {
				kind: "file",
				sha256: sha256(content),
				...{ mode: mode & 0o7777, uid, gid },
			},
			content,
		};
	} catch (error) {
		if (isMissing(error))
			return { state: { kind: "nothing" }, content: nothing };
		throw error;
	} finally {
		await handle?.close();
	}
}

/** Whether two states are the same in content, mode and owner. */
export function isSame(one: FileState, other: FileState): boolean {
	const of = (state: FileState) =>
		JSON.stringify(Object.entries(state).sort(([a], [b]) => (a < b ? -1 : 1)));
	return of(one) === of(other);
}

/**
 * Makes a path have a state, at once: whoever looks sees the old or the new one, even after a power
 * failure. The directory must exist.
 * @param content of a file
 */
export async function putState(
	path: string,
	state: FileState,
	content: Uint8Array,
): Promise<void> {
	const fresh = path + unfinished;
	await rm(fresh, { force: true });
	if (state.kind === "nothing") await rm(path, { force: true });
	else {
		if (state.kind === "link") {
			await symlink(state.target, fresh);
			await lchown(fresh, state.uid, state.gid);
		} else await writeNew(fresh, state, content);
		await rename(fresh, path);
	}
	await syncDirectory(dirname(path)).catch((error) => {
		// nothing was there, not even its directory
		if (state.kind !== "nothing" || !isMissing(error)) throw error;
	});
}

/** Writes a file that does not exist yet, readable by nobody else until it has its owner. */
export async function writeNew(
	path: string,
	{ mode, uid, gid }: { mode: number; uid: number; gid: number },
	content: Uint8Array,
): Promise<void> {
	const handle = await open(path, "wx", 0o600);
	try {
		await handle.writeFile(content);
		const made = await handle.stat();
		if (made.uid !== uid || made.gid !== gid) await handle.chown(uid, gid);
		await handle.chmod(mode);
		await handle.sync();
	} finally {
		await handle.close();
	}
}
