/** Maximum characters in a group, after which a new one begins; a single append may be larger. */
const maxGroupCharacters = 1024 * 1024;

interface Group {
	values: string[];
	size: number;
	written: Promise<void>;
}

/**
 * Group commit: writes all values that queue up behind the current write in one batch, in order of
 * arrival. A sync dominates the cost of a write, so one sync serves all of them. Each caller's
 * promise settles with the write of its group. `turn` runs work one at a time.
 */
export function inGroups(
	turn: (work: () => Promise<void>) => Promise<void>,
	write: (values: readonly string[]) => Promise<void>,
): (values: readonly string[]) => Promise<void> {
	let waiting: Group | undefined;

	const begin = (): Group => {
		const group: Group = {
			values: [],
			size: 0,
			// runs after begin() has returned, so `group` is set
			written: turn(() => {
				if (waiting === group) waiting = undefined;
				return write(group.values);
			}),
		};
		return group;
	};

	return (values) => {
		if (!waiting || waiting.size >= maxGroupCharacters) waiting = begin();
		for (const value of values) {
			waiting.values.push(value);
			waiting.size += value.length;
		}
		return waiting.written;
	};
}
