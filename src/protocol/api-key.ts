/** Longer texts are no keys; `happo-ctl policy key` makes keys of 43 characters. */
export const maxKeyCharacters = 1_024;

/** Why a text is no key that a client can send; undefined if it is one. */
export const badKey = (text: string): string | undefined =>
	/^[\x21-\x7e]+$/.test(text) && text.length <= maxKeyCharacters
		? undefined
		: `not a key: 1 to ${maxKeyCharacters} visible ASCII characters without blanks`;

/** The value of an Authorization header with a key. */
export const bearer = (key: string): string => `Bearer ${key}`;

/** The key in an Authorization header, `Bearer KEY`; undefined if it has none. */
export const bearerKey = (header: string | undefined): string | undefined =>
	/^Bearer +([\x21-\x7e]+)$/i.exec(header ?? "")?.[1];

/** Why a key is not sent to an agent that is not verified. */
export const unverifiedKey =
	"a key is only sent to an agent whose certificate is verified or pinned";
