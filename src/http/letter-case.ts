/** The part of a JSON schema that names things. */
export interface NamedSchema {
	properties?: Record<string, NamedSchema>;
	items?: NamedSchema;
}

/** The schema's names by their lower case: every request asks for them. */
const spellings = new WeakMap<NamedSchema, Map<string, string>>();

function spellingsOf(schema: NamedSchema): Map<string, string> {
	const known = spellings.get(schema);
	if (known) return known;
	const names = Object.keys(schema.properties ?? {});
	const made = new Map(names.map((name) => [name.toLowerCase(), name]));
	spellings.set(schema, made);
	return made;
}

/** Renames the fields of an object that the schema knows in another letter case. */
function renameFields(
	fields: Record<string, unknown>,
	schema: NamedSchema,
): void {
	const { properties = {} } = schema;
	const found = new Map<string, unknown>();
	for (const key of Object.keys(fields)) {
		if (Object.hasOwn(properties, key)) continue;
		const name = spellingsOf(schema).get(key.toLowerCase());
		if (name === undefined) continue;
		found.set(name, fields[key]);
		delete fields[key];
	}
	for (const [name, value] of found)
		if (!Object.hasOwn(fields, name)) fields[name] = value;
}

/**
 * Gives the fields of a parsed document the schema's spelling, whatever their letter
 * case: Go's decoder matches so, and clients depend on it. The exact spelling wins,
 * and of others the last one. Unknown names stay, and so do those of maps, such as
 * metrics. Changes the value itself.
 */
export function matchLetterCase(value: unknown, schema: NamedSchema): void {
	if (typeof value !== "object" || value === null) return;
	if (Array.isArray(value)) {
		if (!schema.items) return;
		for (const item of value) matchLetterCase(item, schema.items);
		return;
	}
	if (!schema.properties) return;
	const fields = value as Record<string, unknown>;
	renameFields(fields, schema);
	for (const [name, inner] of Object.entries(schema.properties))
		if (Object.hasOwn(fields, name)) matchLetterCase(fields[name], inner);
}
