import type { components } from "../../../../generated/schema.ts";
import { splitWords } from "../../../../src/protocol/words.ts";

export type Slot = components["schemas"]["Slot"];

/** The words of a call, or what is wrong with the form, by the name of a field. */
export type CallWords =
	| { words: string[]; faults?: undefined }
	| { words?: undefined; faults: ReadonlyMap<string, string> };

/** The words of an option line; undefined if only a shell could split it. */
export const wordsOfLine = splitWords;

export const needsShell =
	"has characters that a shell would interpret: put them in quotes";

/** The words that one slot takes; undefined for none, a text for what is wrong. */
function wordsFor(slot: Slot, text: string): string[] | string | undefined {
	const value = text === "" ? undefined : text;
	if (slot.several) {
		const line = value ?? slot.default;
		return line === undefined ? [] : (splitWords(line) ?? needsShell);
	}
	if (value !== undefined) return [value];
	if (slot.default !== undefined) return [slot.default];
	return slot.required ? "needs a value" : undefined;
}

/**
 * The words of a call by a command's name: the values of its slots, in their order. An agent knows a
 * value by its position only, so an empty field before a filled one stands for its default, and
 * empty ones at the end are left out.
 */
export function callWords(
	slots: readonly Slot[],
	values: Readonly<Record<string, string>>,
): CallWords {
	const faults = new Map<string, string>();
	const given = (slot: Slot) => (values[slot.name] ?? "") !== "";
	const filled = slots.findLastIndex(
		(slot) => given(slot) || (slot.required && !slot.several),
	);
	const words = slots.slice(0, filled + 1).flatMap((slot) => {
		const taken = wordsFor(slot, values[slot.name] ?? "");
		if (Array.isArray(taken)) return taken;
		faults.set(
			slot.name,
			taken ?? "needs a value, because a field after it has one",
		);
		return [];
	});
	return faults.size > 0 ? { faults } : { words };
}

/** What a value of a slot must be, in a few words. */
export function slotHint(slot: Slot): string {
	const { type, secret, min, max, below, schemes, pattern, at_most } = slot;
	if (secret) return `${type}, secret`;
	const parts: string[] = [type];
	if (min !== undefined) parts.push(`from ${min}`);
	if (max !== undefined) parts.push(`up to ${max}`);
	if (below) parts.push(`below ${below.join(", ")}`);
	if (schemes) parts.push(schemes.join(", "));
	if (pattern !== undefined) parts.push(`like ${pattern}`);
	if (at_most !== undefined)
		parts.push(`at most ${at_most} ${slot.several ? "words" : "characters"}`);
	if (slot.options)
		parts.push(
			`options ${slot.options.map(({ name, value }) => (value ? `${name} ${value.type.toUpperCase()}` : name)).join(", ")}`,
		);
	return parts.join(", ");
}
