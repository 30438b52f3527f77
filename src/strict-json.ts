/** A lone surrogate, as JSON.stringify escapes it. After an escaped backslash this is a false positive. */
const loneSurrogate = /\\ud[89a-f]/;

/**
 * Serializes a value as JSON that even strict parsers accept. JavaScript strings may hold lone
 * surrogates. Their escapes are valid JSON, but Go and others change them, and Rust's and Python's
 * encoders fail on them. They become U+FFFD here, in names too; of names that become equal, the
 * last one stays.
 */
export function strictJson(value: unknown): string {
	const text = JSON.stringify(value);
	// rare: text that arrived as UTF-8 has none
	return loneSurrogate.test(text)
		? JSON.stringify(withWholeCharacters(value))
		: text;
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
