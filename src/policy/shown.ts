const maxShown = 80;

/**
 * A text from a request or a file as a sentence shows it: without control characters, not too
 * long, in quotes if it could be taken for a part of the sentence.
 */
export function shown(text: string): string {
	const short =
		text.length > maxShown ? `${text.slice(0, maxShown).trimEnd()}…` : text;
	if (/^[\p{L}\p{N}_./:@%+=~<>^{}[\]*,-]+…?$/u.test(short)) return short;
	return JSON.stringify(short).replace(/[\p{C}\p{Z}]/gu, (character) =>
		character === " "
			? character
			: `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
	);
}

/** Joins words as a sentence does: `a, b and c`. */
export function joined(words: readonly string[], last = "and"): string {
	return words.length < 2
		? words.join("")
		: `${words.slice(0, -1).join(", ")} ${last} ${words.at(-1)}`;
}
