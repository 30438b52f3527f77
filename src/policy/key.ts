import { createHash, randomBytes } from "node:crypto";

/** Bytes of a key: as many as its digest has, so that nobody can guess one. */
const keyBytes = 32;

const digestPattern = /^sha256:[0-9a-f]{64}$/;

/** Makes a key: 32 random bytes in base64url. */
export function makeKey(): string {
	return randomBytes(keyBytes).toString("base64url");
}

/** The form in which a policy keeps a key: `sha256:` and 64 lower-case hexadecimal digits. */
export function keyDigest(key: string): string {
	return `sha256:${createHash("sha256").update(key, "utf8").digest("hex")}`;
}

/** The words of 32 bits in a digest; undefined for any other text. */
export function digestWords(digest: string): Int32Array | undefined {
	if (!digestPattern.test(digest)) return undefined;
	const words = new Int32Array(8);
	for (let at = 0; at < 8; at++)
		words[at] = Number.parseInt(digest.slice(7 + 8 * at, 15 + 8 * at), 16) | 0;
	return words;
}

/** Compares two digests in a time that does not depend on where they differ. */
export function isSameDigest(one: Int32Array, other: Int32Array): boolean {
	let difference = 0;
	for (let at = 0; at < 8; at++)
		difference |= (one[at] ?? 0) ^ (other[at] ?? 0);
	return difference === 0;
}
