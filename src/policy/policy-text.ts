/**
 * Writes values as YAML of one line, for policies. What needs no quotes has none; everything else
 * is a JSON string, which YAML reads alike.
 */
export type PolicyValue =
	| string
	| number
	| true
	| readonly PolicyValue[]
	| { readonly [key: string]: PolicyValue };

/** Words that are text without quotes, also in a list or mapping. */
const plain = /^[A-Za-z_/.][\w./@%+^-]*$/;
// other YAML readers take these for something else than text
const notText = /^(?:true|false|yes|no|on|off|null|y|n|\.(?:inf|nan)|\.\d.*)$/i;

/** A value in one line: `[check_disk, -p, "{path}"]`, `{ is: path, below: /var }`. */
export function policyText(value: PolicyValue): string {
	if (typeof value === "string")
		return (plain.test(value) && !notText.test(value)) ||
			/^(?:--?[A-Za-z][\w-]*|\d+[smh])$/.test(value)
			? value
			: quoted(value);
	if (typeof value !== "object") return String(value);
	if (isList(value)) return `[${value.map(policyText).join(", ")}]`;
	const pairs = Object.entries(value).map(
		([key, value]) => `${policyText(key)}: ${policyText(value)}`,
	);
	return pairs.length === 0 ? "{}" : `{ ${pairs.join(", ")} }`;
}

const isList = (value: PolicyValue): value is readonly PolicyValue[] =>
	Array.isArray(value);

/**
 * A JSON string without characters that YAML does not allow as they are, or that hide or reorder
 * text: a caller may have chosen it, and somebody is to read it.
 */
const quoted = (text: string) =>
	JSON.stringify(text).replace(
		/[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff]/g,
		(character) =>
			`\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
	);

/** A word of `run` that has no slot: its braces are doubled. */
export const fixedWord = (text: string): string =>
	text.replace(/[{}]/g, "$&$&");
