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

type EightWords = readonly [
	...[a: number, b: number, c: number, d: number],
	...[e: number, f: number, g: number, h: number],
];

/**
 * Compares a digest with many, which follow each other, in a time that depends only on their
 * number. Returns the positions of those that are the same.
 */
export function sameDigests(all: Int32Array, digest: Int32Array): number[] {
	const [a, b, c, d, e, f, g, h] = digest as unknown as EightWords;
	const same: number[] = [];
	// without a loop over the eight words, which takes twice the time
	for (let at = 0; at < all.length; at += 8) {
		const difference =
			((all[at] as number) ^ a) |
			((all[at + 1] as number) ^ b) |
			((all[at + 2] as number) ^ c) |
			((all[at + 3] as number) ^ d) |
			((all[at + 4] as number) ^ e) |
			((all[at + 5] as number) ^ f) |
			((all[at + 6] as number) ^ g) |
			((all[at + 7] as number) ^ h);
		if (difference === 0) same.push(at / 8);
	}
	return same;
}
