/** Permissions in a file's mode, as bits. */
export const permission = {
	othersRead: 0o004,
	othersWrite: 0o002,
	groupRead: 0o040,
	groupWrite: 0o020,
	/** In a directory with this bit, only its owner can replace a file. */
	sticky: 0o1000,
} as const;

/** The permissions of a mode as `chmod` takes them: `0640`. */
export const modeText = (mode: number): string =>
	(mode & 0o7777).toString(8).padStart(4, "0");
