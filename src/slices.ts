import { Readable } from "node:stream";

/** Bytes of a large body that are written at once; up to this, a body is written whole. */
export const sliceBytes = 65_536;

function* slicesOf(bytes: Uint8Array): Generator<Uint8Array> {
	for (let from = 0; from < bytes.length; from += sliceBytes)
		yield bytes.subarray(from, from + sliceBytes);
}

/**
 * A large body as a stream. A TLS connection keeps a buffer as large as its largest write until it
 * closes (Node 20 to 24), and bodies of up to 30 MiB go over connections that are kept.
 */
export const inSlices = (bytes: Uint8Array): Readable =>
	Readable.from(slicesOf(bytes));
