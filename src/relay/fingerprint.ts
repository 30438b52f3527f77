/** A SHA-256 fingerprint as Node writes it, of 32 bytes in hexadecimal, colons or not; undefined for what is none. */
export function parseFingerprint(text: string): string | undefined {
	const hex = text.replaceAll(":", "").toUpperCase();
	return /^[0-9A-F]{64}$/.test(hex)
		? hex.replace(/(..)(?!$)/g, "$1:")
		: undefined;
}
