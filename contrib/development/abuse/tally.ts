/** Counts things by name. */
export interface Tally {
	count(what: string): void;
	/** `200: 12, 503: 3`, the most frequent first; `nothing` without any. */
	text(): string;
	clear(): void;
}

export function createTally(): Tally {
	const counts = new Map<string, number>();
	return {
		count: (what) => counts.set(what, (counts.get(what) ?? 0) + 1),
		text: () => tallyText(Object.fromEntries(counts)),
		clear: () => counts.clear(),
	};
}

/** The text of counts by name, the most frequent first. */
export function tallyText(counts: Readonly<Record<string, number>>): string {
	const parts = Object.entries(counts)
		.sort(([, one], [, other]) => other - one)
		.map(([what, number]) => `${what}: ${number}`);
	return parts.join(", ") || "nothing";
}

/**
 * Finds the statuses in the bytes of a connection, however the bytes are split. It does
 * not skip bodies, because no body in a scenario contains the beginning of an answer.
 */
export function statusScanner(found: (status: string) => void) {
	const start = "HTTP/1.1 ";
	let rest = "";
	return (chunk: Buffer) => {
		const text = rest + chunk.toString("latin1");
		let from = 0;
		for (;;) {
			const at = text.indexOf(start, from);
			if (at < 0 || at + start.length + 3 > text.length) break;
			from = at + start.length + 3;
			found(text.slice(from - 3, from));
		}
		// keep what may be the beginning of a status, and nothing that was counted
		rest = text.slice(Math.max(from, text.length - start.length - 2));
	};
}
