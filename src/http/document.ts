import { randomUUID } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Problem } from "../problem.ts";
import type { LargeList } from "./outline.ts";

/** JSON text that begins at a byte of the body; Problem 400 where it is none. */
export function parseText(text: string, offset = 0): unknown {
	try {
		return JSON.parse(text);
	} catch (error) {
		// the parser's own words quote the body, where an api key may be
		const position = /position (\d+)/.exec(String(error))?.[1];
		const where = position
			? ` (at character ${Number(position) + offset})`
			: "";
		throw new Problem(400, `body: not a JSON document${where}`);
	}
}

/**
 * A document with a large list, parsed in slices with a turn for others between
 * them: JSON.parse takes the better part of a second for ten megabytes of names
 * it has never seen. The document is parsed with a mark in the list's place, the
 * slices as lists of their own.
 */
export async function parseInSlices(
	bytes: Buffer,
	{ from, to, cuts }: LargeList,
): Promise<unknown> {
	const mark = randomUUID();
	const rest = `${bytes.toString("utf8", 0, from)}"${mark}"${bytes.toString("utf8", to)}`;
	const document = parseText(rest) as Record<string, unknown>;
	const items: unknown[] = [];
	let begin = from;
	for (const end of [...cuts, to]) {
		await nextTurn();
		const text = `[${bytes.toString("utf8", begin, end)}]`;
		const slice = parseText(text, begin - 1) as unknown[];
		// two commas in a row, or one at the end
		if (slice.length === 0) throw new Problem(400, "body: not a JSON document");
		for (const item of slice) items.push(item);
		begin = end + 1;
	}
	for (const list of Object.values(document))
		if (Array.isArray(list) && list[0] === mark) {
			list.pop();
			for (const item of items) list.push(item);
		}
	return document;
}
