const words: Readonly<Record<string, string>> = {
	EACCES: "permission denied",
	EADDRINUSE: "already in use",
	EADDRNOTAVAIL: "not an address of this machine",
	EBUSY: "busy or a mount point",
	ECONNREFUSED: "connection refused",
	EEXIST: "already exists",
	EISDIR: "is a directory",
	ENOENT: "no such file or directory",
	ENOSPC: "no space left on the device",
	ENOTDIR: "not a directory",
	EPERM: "not permitted",
	EROFS: "the file system is read-only",
};

/** Explains a system error in words; rare ones by their code or message. */
export function systemReason(error: unknown): string {
	const { code, message } = error as NodeJS.ErrnoException;
	return words[code ?? ""] ?? code ?? message;
}
