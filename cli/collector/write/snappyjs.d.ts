/** Snappy's block format in JavaScript; the package has no types. */
declare module "snappyjs" {
	const snappy: {
		/** Throws if the bytes are not valid, or longer than that when uncompressed. */
		uncompress(bytes: Uint8Array, maxLength?: number): Uint8Array;
	};
	export default snappy;
}
