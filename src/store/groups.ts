/** Characters of values that are written at once; one append may have more. */
const most = 1024 * 1024;

interface Group {
	values: string[];
	size: number;
	written: Promise<void>;
}

/**
 * Writes what comes while its turn has not come in one piece, in the order of
 * coming: a sync of the disk takes longer than all else, and one is enough for
 * all who wait for the one before. Each hears when its own values are written, or
 * what kept the group from being written. `turn` runs one work after the other.
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
			// the work begins later than this function ends
			written: turn(() => {
				if (waiting === group) waiting = undefined;
				return write(group.values);
			}),
		};
		return group;
	};

	return (values) => {
		if (!waiting || waiting.size >= most) waiting = begin();
		for (const value of values) {
			waiting.values.push(value);
			waiting.size += value.length;
		}
		return waiting.written;
	};
}
