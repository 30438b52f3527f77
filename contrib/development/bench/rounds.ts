import type { Scene } from "./scene.ts";

/**
 * Measures contenders in turns, so that others' work on the machine meets all of
 * them: forwards in one round, backwards in the next, after a round that does not
 * count. They are told how long. Gives the measurements of each by its name, by rounds.
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
