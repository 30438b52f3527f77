/**
 * A start takes a millisecond, tens on a busy machine; one that takes longer waits for a file
 * system that hangs.
 */
const lateAfterMilliseconds = 1000;

/** Limit of hanging starts that give up their places, as each keeps a thread. */
const maxHanging = 64;

interface Waiting {
	directory: string;
	begin(): void;
}

/**
 * Runs a few starts at a time, the others in order of arrival. A start that hangs, because its file
 * system does, gives its place to the next; other starts from its directory wait until it returns.
 * While one hangs, new starts are told to use threads of their own, so that at most `atOnce`
 * threads of libuv's pool hang.
 * @param parts.atOnce concurrent starts
 */
export function createStartLanes({
	atOnce,
	lateMilliseconds = lateAfterMilliseconds,
}: {
	atOnce: number;
	lateMilliseconds?: number;
}): <T>(
	directory: string,
	start: (ownThread: boolean) => Promise<T>,
) => Promise<T> {
	const waiting = new Set<Waiting>();
	/** The directories of hanging starts, one entry per start. */
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
			gavePlace = given < maxHanging;
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
