import type { CST } from "yaml";

/** Far more than any configuration needs, far less than a stack takes. */
const deepest = 100;

/**
 * Finds a token that is nested more deeply than 100 levels.
 *
 * The package yaml composes its nodes by recursion. At the end of the stack V8 does not always throw, sometimes it ends the
 * process: the tokens, which come without recursion, are measured before.
 */
export function findTooDeep(
	tokens: readonly CST.Token[],
): CST.Token | undefined {
	const left = tokens.map((token) => ({ token, depth: 0 }));
	for (let at = left.pop(); at; at = left.pop()) {
		const { token, depth } = at;
		if (depth > deepest) return token;
		const inside =
			token.type === "document"
				? [token.value]
				: "items" in token
					? token.items.flatMap(({ key, value }) => [key, value])
					: [];
		for (const token of inside)
			if (token) left.push({ token, depth: depth + 1 });
	}
	return undefined;
}
