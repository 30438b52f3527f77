/** Snappy's block format in JavaScript; the package has no types. */
declare module "snappyjs" {
	const snappy: {
		compress(bytes: Uint8Array): Uint8Array;
		/** Throws if the bytes are not valid, or longer than that when uncompressed. */
		uncompress(bytes: Uint8Array, maxLength?: number): Uint8Array;
	};
	export default snappy;
}
