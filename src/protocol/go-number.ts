// without loops in loops: those end in a stack overflow on a line of a million digits
const decimalFloat = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;
const hexadecimalFloat =
	/^([+-]?)0x(?:([\da-f]+)(?:\.([\da-f]*))?|\.([\da-f]+))p([+-]?\d+)$/i;

// an underscore stands between two digits, or between the prefix and a digit
const badUnderscore = /(?<!\d)_|_(?!\d)/;
const badHexadecimalUnderscore = /(?<![\da-fx])_|_(?![\da-f])/i;

/** More hexadecimal digits than these cannot change a double, but for being there at all. */
const significantDigits = 20;

/**
 * A number as Go's strconv.ParseFloat takes it, which the original used: decimal or hexadecimal, with
 * underscores between digits. The nearest double: too small is 0, too large is infinite.
 * @returns NaN for any other text, `NaN` and `Inf` included
 */
export function parseGoFloat(text: string): number {
	const plain = text.replaceAll("_", "");
	if (decimalFloat.test(plain))
		return badUnderscore.test(text) ? Number.NaN : Number(plain);
	const found = hexadecimalFloat.exec(plain);
	if (!found || badHexadecimalUnderscore.test(text)) return Number.NaN;
	const [, sign, whole = "", behind, alone, exponent] = found;
	const fraction = behind ?? alone ?? "";
	const magnitude = scale(whole + fraction, Number(exponent), fraction.length);
	return sign === "-" ? -magnitude : magnitude;
}

/** `mantissa`, of which the last `fractionDigits` are behind the point, times two to the power of `exponent`. */
function scale(mantissa: string, exponent: number, fractionDigits: number) {
	const significant = mantissa.replace(/^0+/, "");
	if (significant === "") return 0;
	let bits = BigInt(`0x${significant.slice(0, significantDigits)}`);
	const rest = significant.slice(significantDigits);
	// what is left out still decides which way half a unit is rounded
	if (/[^0]/.test(rest)) bits |= 1n;
	let power = exponent + 4 * (rest.length - fractionDigits);
	// a double has 53 bits and none below 2^-1074: rounded once, here, half to even
	const length = bits.toString(2).length;
	const kept = Math.min(53, length + power + 1074);
	if (kept < 0) return 0;
	if (kept < length) {
		const lost = BigInt(length - kept);
		const below = BigInt.asUintN(length - kept, bits);
		const half = 1n << (lost - 1n);
		bits >>= lost;
		if (below > half || (below === half && bits & 1n)) bits++;
		power += length - kept;
	}
	// in two steps, as neither power alone need fit into a double
	const first = Math.max(-1000, Math.min(1000, power));
	return Number(bits) * 2 ** first * 2 ** (power - first);
}

/** An integer as Go's strconv.ParseInt takes it at base 10: an optional sign and digits. NaN for any other text. */
export function parseGoInteger(text: string): number {
	return /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
}
