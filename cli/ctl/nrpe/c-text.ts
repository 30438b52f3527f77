/**
 * A whole number as C's `atoi` reads it: blanks, a sign and digits, whatever follows; 0 without
 * digits. Numbers beyond 64 bits end at their limit, of which the lowest 32 bits count.
 */
export function atoi(text: string): number {
	const [, sign, digits = ""] = /^[ \t\n\v\f\r]*([+-]?)(\d+)/.exec(text) ?? [];
	const limit = 2n ** 63n;
	const number = BigInt(digits || 0) * (sign === "-" ? -1n : 1n);
	const long = number >= limit ? limit - 1n : number < -limit ? -limit : number;
	return Number(BigInt.asIntN(32, long));
}
