/** A start takes a millisecond, on a busy machine tens; one that takes longer waits for a file system that hangs. */
const LATE_MILLISECONDS = 1000;

/** Starts that may hang before others have to wait for them: each keeps its thread. */
const MOST_HANGING = 64;

interface Waiting {
	directory: string;
	begin(): void;
}

/**
 * Lets a few starts be made at once, the others in the order of asking. A start that hangs, because its file system
 * does, gives its place to the next one; what is to be started from its directory waits until it has come back. While
 * one hangs, others are told to take threads of their own, so that never more than `atOnce` of libuv's pool hang.
 * @param parts.atOnce starts that are made at once
 */
export function createStartLanes({
	atOnce,
	lateMilliseconds = LATE_MILLISECONDS,
}: {
	atOnce: number;
	lateMilliseconds?: number;
}): <T>(
	directory: string,
	start: (ownThread: boolean) => Promise<T>,
) => Promise<T> {
	const waiting = new Set<Waiting>();
	/** The directories of starts that hang, one entry for each. */
	const hanging: string[] = [];
	let places = atOnce;
	let given = 0;

	const beginNext = () => {
		for (const next of waiting) {
			if (places === 0) return;
			if (hanging.includes(next.directory)) continue;
			waiting.delete(next);
			places--;
			next.begin();
		}
	};

	const run = async <T>(
		directory: string,
		start: (ownThread: boolean) => Promise<T>,
	) => {
		let isLate = false;
		let gavePlace = false;
		const late = setTimeout(() => {
			isLate = true;
			gavePlace = given < MOST_HANGING;
			hanging.push(directory);
			if (!gavePlace) return;
			given++;
			places++;
			beginNext();
		}, lateMilliseconds);
		try {
			return await start(hanging.length > 0);
		} finally {
			clearTimeout(late);
			if (isLate) hanging.splice(hanging.indexOf(directory), 1);
			if (gavePlace) given--;
			else places++;
			beginNext();
		}
	};

	return (directory, start) =>
		new Promise((resolve, reject) => {
			waiting.add({
				directory,
				begin: () => {
					run(directory, start).then(resolve, reject);
				},
			});
			beginNext();
		});
}
