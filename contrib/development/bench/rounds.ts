import type { Scene } from "./scene.ts";

/**
 * Measures contenders in alternation, so that other work on the machine affects all of
 * them: in order in one round, in reverse order in the next, after a warm-up round that
 * does not count. Each contender gets the number of seconds. Returns each contender's
 * measurements, by name and round.
 */
export async function inRounds<Name extends string, T>(
	{ plan, progress, signal }: Pick<Scene, "plan" | "progress" | "signal">,
	contenders: Readonly<Record<Name, (seconds: number) => Promise<T>>>,
	rounds = plan.rounds,
): Promise<Record<Name, T[]>> {
	const names = Object.keys(contenders) as Name[];
	const all = Object.fromEntries(
		names.map((name) => [name, [] as T[]]),
	) as Record<Name, T[]>;
	for (let round = 0; round <= rounds; round++) {
		progress(round === 0 ? "warming up" : `round ${round} of ${rounds}`);
		const order = round % 2 === 0 ? names.toReversed() : names;
		for (const name of order) {
			signal.throwIfAborted();
			const measured = await contenders[name](
				round === 0 ? plan.warmUpSeconds : plan.seconds,
			);
			if (round > 0) all[name].push(measured);
		}
	}
	return all;
}
