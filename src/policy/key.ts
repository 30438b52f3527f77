import { createHash } from "node:crypto";

/** The form in which a policy keeps a key: `sha256:` and 64 lower-case hexadecimal digits. */
export const keyDigest = (key: string): string =>
	`sha256:${createHash("sha256").update(key).digest("hex")}`;
