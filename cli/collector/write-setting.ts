/** A store to write to. */
export interface WriteTo {
	consumer: string;
	url: URL;
	/** For people, without user and password. */
	shown: string;
}

/** The consumer of a store that none is named for. */
const usualConsumer = "fleet";

/** As agents check the names of their setting metric-consumers. */
const consumerName = /^[A-Za-z0-9_.-]{1,64}$/;

/**
 * Parses the entries of --write, `[CONSUMER=]URL`.
 * @throws an Error that names the entry, without what may be a password
 */
export function parseWrites(entries: readonly string[]): WriteTo[] {
	const found = new Map<string, WriteTo>();
	for (const entry of entries) {
		const [, given, text = ""] = /^(?:([^=:/]*)=)?(.*)$/s.exec(entry) ?? [];
		const consumer = given ?? usualConsumer;
		if (!consumerName.test(consumer))
			throw new Error(
				`not the name of a consumer (letters, digits, _ . -): ${consumer}`,
			);
		const url = URL.canParse(text) ? new URL(text) : undefined;
		if (!url || !/^https?:$/.test(url.protocol) || url.hash !== "")
			throw new Error(
				`not [CONSUMER=]http(s)://HOST[:PORT]/PATH${text.includes("@") ? "" : `: ${entry}`}`,
			);
		const bare = new URL(url);
		bare.username = "";
		bare.password = "";
		// it may have a token
		if (bare.search !== "") bare.search = "?...";
		if (found.has(consumer))
			throw new Error(
				given === undefined
					? "name a consumer for each store but one: CONSUMER=URL"
					: `two stores for one consumer: ${consumer}`,
			);
		found.set(consumer, { consumer, url, shown: bare.href });
	}
	return [...found.values()];
}
