import type { YamlTree } from "../protocol/yaml.ts";
import type { Pairs } from "./document.ts";

/** What a policy says about the values of a type, for people and forms; a decision takes none of it. */
export interface ValueFacts {
	/** Name of the type. */
	readonly type: string;
	readonly min?: number;
	readonly max?: number;
	/** Whether a threshold may begin with `-`. */
	readonly negative?: true;
	/** Of `one-of`. */
	readonly values?: readonly string[];
	/** Directories of paths. */
	readonly below?: readonly string[];
	/** Of URLs. */
	readonly schemes?: readonly string[];
	readonly pattern?: string;
	/** Number of characters, or of words. */
	readonly atMost?: number;
	/** Characters that no value has. */
	readonly without?: string;
}

const textsOf = (tree: YamlTree): string[] => {
	if (tree.kind === "text") return [tree.text];
	return tree.kind === "list" ? tree.list.flatMap(textsOf) : [];
};

/** Collects the facts of a type from its keys, whose values have been found valid. */
export function valueFacts(type: string, pairs: Pairs): ValueFacts {
	const textsAt = (key: string) => {
		const pair = pairs.get(key);
		return pair && textsOf(pair.value);
	};
	const textAt = (key: string) => textsAt(key)?.[0];
	const numberAt = (key: string) => {
		const text = textAt(key);
		return text === undefined ? undefined : Number(text);
	};
	const facts = {
		...{ type, min: numberAt("min"), max: numberAt("max") },
		negative: textAt("negative") === "true" ? true : undefined,
		...{ values: textsAt("values"), below: textsAt("below") },
		...{ schemes: textsAt("schemes"), pattern: textAt("pattern") },
		...{ atMost: numberAt("at-most"), without: textAt("without") },
	};
	return Object.fromEntries(
		Object.entries(facts).filter(([, value]) => value !== undefined),
	) as unknown as ValueFacts;
}
