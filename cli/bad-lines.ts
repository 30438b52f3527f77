import type { BadLine } from "../src/metrics/sensu.ts";
import { counted } from "./counted.ts";
import { safeLine } from "./ctl/terminal-text.ts";

/** Bad lines that are named one by one; of more only the number is said. */
const mostNamed = 100;

/** Says what is wrong with lines, and counts them. */
export function createBadLines(
	complain: (line: string) => void,
	source: string,
) {
	let count = 0;
	return {
		add: ({ line, text, reason }: BadLine) => {
			count++;
			if (count > mostNamed) return;
			const start = text.length > 100 ? `${text.slice(0, 100)}...` : text;
			complain(`${source}, line ${line}: ${reason}: ${safeLine(start)}`);
		},
		count: () => count,
		/** Says how many were not named. */
		finish: () => {
			if (count > mostNamed)
				complain(`${source}: ${counted(count - mostNamed, "more bad line")}`);
		},
	};
}
