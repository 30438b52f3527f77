import type { BigIntStats } from "node:fs";

/** Differs when a file was replaced or written; one that is written again in the same tick of its clock has the same. */
export function fileVersion(found: BigIntStats): string {
	const { dev, ino, size, mtimeNs, ctimeNs } = found;
	return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
}
