/**
 * As much of Node.js' Buffer as src/protocol/words.ts uses, which has to be fast in the agent and to
 * split words here exactly as it does there.
 */
class UnitBuffer extends Uint8Array {
	static allocUnsafe(bytes: number) {
		return new UnitBuffer(bytes);
	}

	/** Agents refuse lone surrogates, which become U+FFFD here. */
	override toString(_encoding?: "utf16le", start = 0, end = this.length) {
		return new TextDecoder("utf-16le", { ignoreBOM: true }).decode(
			this.subarray(start, end),
		);
	}
}

declare global {
	/** Only in the page; Node.js has its own. */
	type Buffer = UnitBuffer;
	var Buffer: typeof UnitBuffer;
}

globalThis.Buffer = UnitBuffer;
