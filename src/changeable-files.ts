import { realpath, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { modeText, permission } from "./file-mode.ts";

/** All directories above a path, the nearest first. */
export function directoriesAbove(path: string): string[] {
	const directory = dirname(path);
	return directory === path ? [] : [directory, ...directoriesAbove(directory)];
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
	if ((mode & permission.othersWrite) !== 0)
		return `mode ${modeText(mode)}, every user of this machine can change it (chmod o-w)`;
	const directories = new Set([
		...directoriesAbove(given),
		...directoriesAbove(real),
	]);
	for (const directory of directories) {
		const mode = await modeOf(directory);
		if (
			(mode & permission.othersWrite) !== 0 &&
			(mode & permission.sticky) === 0
		)
			return `mode ${modeText(mode)} of ${directory}, every user of this machine can replace it (chmod o-w)`;
	}
	return undefined;
}
