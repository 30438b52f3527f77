/** The part of a JSON schema that names things. */
export interface NamedSchema {
	properties?: Record<string, NamedSchema>;
	items?: NamedSchema;
}

/** What a schema says of an object's names. */
interface Names {
	/** The names as the schema spells them. */
	exact: ReadonlySet<string>;
	/** The same by their lower case. */
	spellings: ReadonlyMap<string, string>;
	/** Those below which there are names, too. */
	inner: readonly [string, NamedSchema][];
}

/** Every request asks for them, and an append for each of its 40,000 samples. */
const known = new WeakMap<NamedSchema, Names>();

function namesOf(
	schema: NamedSchema,
	properties: Record<string, NamedSchema>,
): Names {
	const before = known.get(schema);
	if (before) return before;
	const names = Object.keys(properties);
	const made = {
		exact: new Set(names),
		spellings: new Map(names.map((name) => [name.toLowerCase(), name])),
		inner: Object.entries(properties).filter(
			([, { properties: fields, items }]) => fields ?? items,
		),
	};
	known.set(schema, made);
	return made;
}

/** Renames the fields of an object that the schema knows in another letter case. */
function renameFields(
	fields: Record<string, unknown>,
	{ exact, spellings }: Names,
): void {
	let found: Map<string, unknown> | undefined;
	for (const key of Object.keys(fields)) {
		if (exact.has(key)) continue;
		const name = spellings.get(key.toLowerCase());
		if (name === undefined) continue;
		found ??= new Map();
		found.set(name, fields[key]);
		delete fields[key];
	}
	if (!found) return;
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
	const { properties } = schema;
	if (!properties) return;
	const fields = value as Record<string, unknown>;
	const names = namesOf(schema, properties);
	renameFields(fields, names);
	for (const [name, inner] of names.inner)
		if (Object.hasOwn(fields, name)) matchLetterCase(fields[name], inner);
}
