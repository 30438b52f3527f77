import type { HostAnswer } from "./answer.ts";
import type { Progress } from "./progress.ts";

/**
 * Does the same for every target, some at the same time, and gives the answers
 * in the order of the targets.
 * @param work must not throw
 * @param parallel how many at the same time at most
 */
export async function everyHost<Target, T>(
	targets: readonly Target[],
	work: (target: Target) => Promise<HostAnswer<T>>,
	{ parallel, progress }: { parallel: number; progress: Progress },
): Promise<HostAnswer<T>[]> {
	const answers: HostAnswer<T>[] = [];
	let next = 0;
	const worker = async () => {
		while (next < targets.length) {
			const at = next++;
			answers[at] = await work(targets[at] as Target);
			progress.advance();
		}
	};
	const workers = Math.min(parallel, targets.length);
	try {
		await Promise.all(Array.from({ length: workers }, worker));
	} finally {
		progress.end();
	}
	return answers;
}
