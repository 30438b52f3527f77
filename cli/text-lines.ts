import type { Readable } from "node:stream";

/**
 * The lines of a text as they arrive, some at a time, without their ends. Bytes
 * that are no UTF-8 become U+FFFD. Of a line that is longer than `longest`
 * characters one more is kept and the rest is dropped, so that memory is
 * bounded whatever comes. Throws what the stream fails with.
 */
export async function* textLines(
	stream: Readable,
	longest: number,
): AsyncGenerator<string[]> {
	const cut = (line: string) =>
		line.length > longest ? line.slice(0, longest + 1) : line;
	let rest = "";
	for await (const chunk of stream.setEncoding("utf8")) {
		const lines = (rest + chunk).split("\n");
		rest = cut(lines.pop() ?? "");
		if (lines.length > 0) yield lines.map(cut);
	}
	if (rest !== "") yield [rest];
}
