import { setTimeout as pause } from "node:timers/promises";

/** Polls until the condition is true; throws after the deadline. */
export async function eventually(
	what: string,
	holds: () => boolean | Promise<boolean>,
	milliseconds = 10_000,
): Promise<void> {
	const deadline = performance.now() + milliseconds;
	while (!(await holds())) {
		if (performance.now() > deadline)
			throw new Error(`not within ${milliseconds} ms: ${what}`);
		await pause(20);
	}
}
