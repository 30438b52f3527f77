/** Characters that control, reorder or hide text, or are invalid; not line ends and tabs. */
const unsafe =
	/[\p{Zl}\p{Zp}\p{Cs}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]|(?![\n\t])\p{Cc}/gu;

/** As happo-ctl writes them to terminals. */
function escaped(character: string): string {
	const code = character.charCodeAt(0);
	return code <= 0xff
		? `\\x${code.toString(16).padStart(2, "0")}`
		: `\\u${code.toString(16).padStart(4, "0")}`;
}

/**
 * A text of an agent for the page. The page shows text as text, so that markup in it is harmless;
 * what remains are characters that hide or reorder what is around them, which this makes visible.
 */
export const safeText = (text: string) =>
	text.replaceAll("\r\n", "\n").replace(unsafe, escaped);
