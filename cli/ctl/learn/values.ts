import { parsePolicy } from "../../../src/policy/policy.ts";
import {
	type PolicyValue,
	policyText,
} from "../../../src/policy/policy-text.ts";
import { shown } from "../../../src/policy/shown.ts";
import { isMasked } from "./audited-calls.ts";

/** Values that one place of a command line had, each with its number of calls. */
export type SeenValues = ReadonlyMap<string, number>;

/** A type for values, and what somebody has to look at. */
export interface LearnedType {
	/** The slot of a policy. */
	readonly type: PolicyValue;
	/** Why it permits much more than what was seen; undefined if it does not. */
	readonly look?: string | undefined;
}

/** Limit of the values that are listed one by one. */
const maxListed = 64;
/** Limit of the directories of a slot, before those with the same parent become one. */
const maxDirectories = 8;
/** Limit of ports that are listed. */
const maxPorts = 16;

const noPaths = { real: new Map<string, string>() };

/** Whether a slot of a type accepts words, and could be in a policy at all. */
export function accepts(type: PolicyValue, values: Iterable<string>): boolean {
	try {
		const { policy } = parsePolicy(
			policyText({
				version: 1,
				commands: { c: { run: ["c", "{s}"], slots: { s: type } } },
			}),
		);
		const slot = policy.commands.get("c")?.slots[0];
		if (slot?.kind !== "word") return false;
		for (const value of values)
			if (slot.type.refuse(value, noPaths) !== undefined) return false;
		return true;
	} catch {
		return false;
	}
}

const thresholdOption = /^(?:-[wc]|--?(?:warn|crit)[\w-]*)$/i;
const portOption = /^(?:-p|--port)$/;
const hostOption = /^(?:-H|--?host(?:name)?|--?address)$/i;
const urlOption = /^(?:-u|--ur[il])$/;

const parentOf = (path: string) => path.slice(0, path.lastIndexOf("/")) || "/";

/** Whether a directory above a path is one of some. */
function isBelowOne(path: string, directories: ReadonlySet<string>): boolean {
	for (let at = path.length; at > 0; ) {
		at = path.lastIndexOf("/", at - 1);
		if (at > 0 && directories.has(path.slice(0, at))) return true;
	}
	return false;
}

/**
 * The fewest directories that hold all paths, where more than a few with the same parent become the
 * parent; `/` never does.
 */
export function narrowestBelow(paths: readonly string[]): {
	below: string[];
	merged: string[];
} {
	const minimal = (all: readonly string[]) => {
		const directories = new Set(all);
		return [...directories].filter((path) => !isBelowOne(path, directories));
	};
	let below = minimal(paths);
	const merged: string[] = [];
	while (below.length > maxDirectories) {
		const children = new Map<string, number>();
		for (const path of below) {
			const parent = parentOf(path);
			if (parent !== "/") children.set(parent, (children.get(parent) ?? 0) + 1);
		}
		const [parent] =
			[...children]
				.filter(([, count]) => count > 1)
				.toSorted(([a, m], [b, n]) => n - m || b.length - a.length)[0] ?? [];
		if (parent === undefined) break;
		below = minimal([...below, parent]);
		merged.push(parent);
	}
	return {
		below: below.toSorted(),
		merged: merged.filter((directory) => below.includes(directory)).toSorted(),
	};
}

function pathType(values: readonly string[]) {
	// with / as a directory, the type would permit every path
	if (!values.every((value) => value.startsWith("/") && value !== "/"))
		return undefined;
	const { below, merged } = narrowestBelow(values);
	const type = { is: "path", below };
	return merged.length === 0
		? { type }
		: {
				type,
				look: `permits everything below ${merged.map(shown).join(", ")}`,
			};
}

/** Types of numbers, with the limits that were seen. */
function numberTypes(values: readonly string[]): LearnedType[] {
	const numbers = values.map(Number.parseFloat);
	if (numbers.some((number) => !Number.isFinite(number))) return [];
	let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
	for (const number of numbers) {
		min = Math.min(min, number);
		max = Math.max(max, number);
	}
	return ["integer", "percent", "number"].map((is) => ({
		type: { is, min, max },
	}));
}

const broadTypes = (option: string): LearnedType[] => {
	const permits = (type: PolicyValue, what: string): LearnedType => ({
		type,
		look: `permits ${what}, as more than ${maxListed} values were seen`,
	});
	return [
		...(hostOption.test(option) ? [permits("host", "any host")] : []),
		...(urlOption.test(option) ? [permits("url", "any URL")] : []),
		permits("word", "any word"),
		permits({ is: "text", "at-most": 2048 }, "any text"),
	];
};

const listed = (values: readonly string[]) => ({
	type: { is: "one-of", values },
});

/**
 * Generalises values: the narrowest type that fits what was seen and what it is for.
 * @param option the option that the values follow; empty for none
 * @returns undefined if no slot can have the values
 */
export function generalise(
	values: readonly string[],
	option: string,
): LearnedType | undefined {
	if (values.some(isMasked))
		return {
			type: { is: "text", secret: true },
			look: "permits any text, as the audit log does not show the values of secrets",
		};
	const path = pathType(values);
	const isFew = values.length <= maxListed;
	const candidates: LearnedType[] = [
		...(thresholdOption.test(option)
			? [
					{ type: "threshold" },
					{ type: { is: "threshold", negative: true as const } },
				]
			: []),
		...(path ? [path] : []),
		...(portOption.test(option) && values.length <= maxPorts
			? [listed(values)]
			: []),
		...(portOption.test(option) ? [{ type: "port" }] : numberTypes(values)),
		...(values.every((value) => /^[@~]?[\d.]*:|^[\d.]+%?,/.test(value))
			? [{ type: "threshold" }]
			: []),
		...(isFew ? [listed(values)] : []),
		...broadTypes(option),
	];
	return candidates.find(({ type }) => accepts(type, values));
}

/**
 * The type that permits least besides the values: directories, or the values themselves.
 * @returns undefined if there are too many
 */
export function narrowest(
	values: readonly string[],
): { [key: string]: PolicyValue } | undefined {
	const path = values.length > 1 ? pathType(values) : undefined;
	return [
		...(path && path.look === undefined ? [path.type] : []),
		...(values.length <= maxListed ? [listed(values).type] : []),
	].find((type) => accepts(type, values));
}

/** Whether a type lists its values, so that only what was seen passes. */
export const isListed = ({ type }: LearnedType): boolean =>
	typeof type === "object" && "is" in type && type.is === "one-of";

/** `3 values: /var (480 calls), /srv (480), 20% (2)`, for a comment. */
export function valuesText(values: SeenValues): string {
	if ([...values.keys()].some(isMasked)) return "values that are masked";
	const inOrder = [...values].toSorted(([, m], [, n]) => n - m);
	const some = inOrder
		.slice(0, 5)
		.map(
			([value, count], index) =>
				`${shown(value)} (${count}${index === 0 ? ` call${count === 1 ? "" : "s"}` : ""})`,
		);
	const more = inOrder.length - some.length;
	return `${inOrder.length} value${inOrder.length === 1 ? "" : "s"}: ${some.join(", ")}${more > 0 ? `, and ${more} more` : ""}`;
}

/** A name for a slot, after the option that it follows and its type. */
export function slotNameFor(
	option: string,
	type: PolicyValue,
	index: number,
): string {
	const is = typeof type === "object" && "is" in type ? type.is : type;
	if (option === "-p" && is === "path") return "path";
	const known: Readonly<Record<string, string>> = {
		"-w": "warning",
		"-c": "critical",
		"-H": "host",
		"-t": "timeout",
	};
	const long = /^--?([A-Za-z][\w-]{0,30})/.exec(option)?.[1];
	return known[option] ?? long?.replaceAll("_", "-") ?? `value${index}`;
}
