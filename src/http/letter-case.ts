/** The part of a JSON schema that names things. */
export interface NamedSchema {
	properties?: Record<string, NamedSchema>;
	items?: NamedSchema;
}

/**
 * The value with its field names spelt as the schema spells them, whatever
 * their letter case: Go's decoder matches so, and clients depend on it. Of
 * several spellings of one name the last wins, as in Go. Unknown names stay.
 */
export function matchLetterCase(value: unknown, schema: NamedSchema): unknown {
	if (Array.isArray(value)) {
		const items = schema.items ?? {};
		return value.map((item) => matchLetterCase(item, items));
	}
	if (typeof value !== "object" || value === null) return value;
	const properties = schema.properties ?? {};
	const spelling = new Map(
		Object.keys(properties).map((name) => [name.toLowerCase(), name]),
	);
	return Object.fromEntries(
		Object.entries(value).map(([key, item]) => {
			const name = spelling.get(key.toLowerCase()) ?? key;
			const inner = Object.hasOwn(properties, name) ? properties[name] : {};
			return [name, matchLetterCase(item, inner ?? {})];
		}),
	);
}
