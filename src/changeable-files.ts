import { realpath, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/** Write permission for others. */
const othersWrite = 0o002;

/** In a directory with this bit, only its owner can replace a file. */
const sticky = 0o1000;

const shownMode = (mode: number) =>
	(mode & 0o7777).toString(8).padStart(4, "0");

/** All directories above a path, the nearest first. */
function directoriesOf(path: string): string[] {
	const directory = dirname(path);
	return directory === path ? [] : [directory, ...directoriesOf(directory)];
}

/**
 * Says why every user of this machine can change or replace a file, as the modes of it and its
 * directories allow; undefined if they do not. If the file is a link, this looks at both places.
 * What cannot be checked is skipped, as reading the file will report the reason.
 */
export async function whyAllCanChange(
	file: string,
): Promise<string | undefined> {
	const given = resolve(file);
	const real = await realpath(given).catch(() => given);
	const modeOf = async (path: string) => {
		const found = await stat(path).catch(() => undefined);
		return found?.mode ?? 0;
	};
	const mode = await modeOf(real);
	if ((mode & othersWrite) !== 0)
		return `mode ${shownMode(mode)}, every user of this machine can change it (chmod o-w)`;
	const directories = new Set([
		...directoriesOf(given),
		...directoriesOf(real),
	]);
	for (const directory of directories) {
		const mode = await modeOf(directory);
		if ((mode & othersWrite) !== 0 && (mode & sticky) === 0)
			return `mode ${shownMode(mode)} of ${directory}, every user of this machine can replace it (chmod o-w)`;
	}
	return undefined;
}
