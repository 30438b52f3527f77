const unsafe =
	/[\u007f-\u009f\u2028\u2029\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g;

const escaped = (character: string) =>
	`\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** JSON that a terminal can be shown, too: what JSON.stringify leaves as it is, is escaped. */
export const jsonText = (value: unknown, indent?: number) =>
	JSON.stringify(value, undefined, indent).replace(unsafe, escaped);
