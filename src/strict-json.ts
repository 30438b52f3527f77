/** Half a character of UTF-16 as JSON.stringify writes it; behind an escaped backslash it only looks like one. */
const half = /\\ud[89a-f]/;

/**
 * A value as JSON that the strictest parsers take. JavaScript's strings can hold half a character of UTF-16; its escape
 * is valid JSON by the grammar, but Go and others change it, and Rust's and Python's encoders fail on it. It becomes
 * U+FFFD here, in names too: of names that are the same then the last one stays, because no name may come twice.
 */
export function strictJson(value: unknown): string {
	const text = JSON.stringify(value);
	// hardly ever: what comes as UTF-8 has none
	return half.test(text) ? JSON.stringify(withWholeCharacters(value)) : text;
}

function withWholeCharacters(value: unknown): unknown {
	if (typeof value === "string")
		return value.replace(/\p{Surrogate}/gu, "\ufffd");
	if (Array.isArray(value)) return value.map(withWholeCharacters);
	if (typeof value !== "object" || value === null) return value;
	return Object.fromEntries(
		Object.entries(value).map(([name, inner]) => [
			name.replace(/\p{Surrogate}/gu, "\ufffd"),
			withWholeCharacters(inner),
		]),
	);
}
