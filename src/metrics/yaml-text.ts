// what some YAML 1.1 reader takes for a truth value, nothing, a number or a merge
const typedWord =
	/^(?:|~|null|true|false|yes|no|on|off|y|n|[-+]?\.?(?:nan|inf|infinity)|<<|=)$/i;
// generously: numbers to all bases, with a base of 60 too, dates and times
const typedNumber = /^[-+.]*(?:e[-+]?)?\d[\da-fox_.:,+\-tz ]*$/i;

/** Needs no escape: no control character, no line end of any YAML version, nothing invisible. */
const printable = /^[ \p{L}\p{M}\p{N}\p{P}\p{S}]*$/u;
/** Go's yaml.v2 writes them as escapes. */
const beyondSixteenBits = /[\u{10000}-\u{10ffff}]/u;

/** No indicator at the start, no `: ` and ` #`, no blank at an end. */
const plain = /^(?:[a-z\d/_]|-[a-z-])(?:[^ :#]|#|:(?! |$)| (?![ #]|$))*$/i;

const escapes: Readonly<Record<string, string>> = {
	'"': '\\"',
	"\\": "\\\\",
	"\n": "\\n",
	"\r": "\\r",
	"\t": "\\t",
};

/**
 * A text as a YAML scalar on one line, in a form that readers of all versions take for this very text, and as Go's
 * yaml.v2 writes it: plain if possible, in double quotes what would be read as another type or has to be escaped, else
 * in single quotes. Half a character of UTF-16 becomes U+FFFD, as in every file.
 */
export function formatYamlText(text: string): string {
	if (!printable.test(text) || beyondSixteenBits.test(text))
		return inDoubleQuotes(text);
	if (typedWord.test(text) || typedNumber.test(text))
		return inDoubleQuotes(text);
	return plain.test(text) ? text : `'${text.replaceAll("'", "''")}'`;
}

function inDoubleQuotes(text: string) {
	let quoted = "";
	for (const character of text)
		quoted += escapes[character] ?? escaped(character);
	return `"${quoted}"`;
}

function escaped(character: string) {
	const code = character.codePointAt(0) ?? 0;
	if (code >= 0xd800 && code <= 0xdfff) return "\ufffd";
	if (code <= 0xffff && printable.test(character)) return character;
	const hexadecimal = code.toString(16);
	if (code <= 0xff) return `\\x${hexadecimal.padStart(2, "0")}`;
	return code <= 0xffff
		? `\\u${hexadecimal.padStart(4, "0")}`
		: `\\U${hexadecimal.padStart(8, "0")}`;
}
