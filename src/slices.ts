import { Readable } from "node:stream";

/** Bytes of a large body that are written at once; up to this, a body is written whole. */
export const sliceBytes = 65_536;

/**
 * A large body as a stream. A TLS connection keeps a buffer as large as its largest write until it
 * closes (Node 20 to 24), and bodies of up to 30 MiB go over connections that are kept.
 */
export function inSlices(bytes: Uint8Array): Readable {
	let from = 0;
	return new Readable({
		highWaterMark: sliceBytes,
		read() {
			this.push(bytes.subarray(from, from + sliceBytes));
			from += sliceBytes;
			// with the last slice, not after it has been written: a client that has got everything may
			// close its side at once, and would seem to have left before the end
			if (from >= bytes.length) this.push(null);
		},
	});
}
