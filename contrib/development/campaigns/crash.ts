import { crashFigures, crashRounds } from "../../../test/support/crash.ts";
import { type Campaign, positive } from "./campaign.ts";

/** Kills the agent with `kill -9` at random moments. */
export const crash: Campaign = {
	summary: "rounds of kill -9 during all kinds of work; 1000 take half an hour",
	usage: "[ROUNDS [SEED]]",
	async run({ scope, args, signal, progress }) {
		const [
			given = "1000",
			seedGiven = String(Math.floor(Math.random() * 2 ** 32)),
		] = args;
		const rounds = positive("ROUNDS", given);
		const seed = positive("SEED", seedGiven);
		progress(`seed ${seed}`);
		const report = await crashRounds(scope, {
			...{ rounds, seed, progress, signal },
		});
		const { lost, passesLost, resurrected, batchesChanged, torn, errors } =
			report;
		const bad = lost + passesLost + resurrected + batchesChanged + torn;
		// otherwise the kills interrupted nothing
		const isOpen = report.killsInOpenRequest * 2 >= report.rounds;
		return {
			parameters: { rounds, seed },
			figures: [...crashFigures(report), ...errors.slice(0, 20)],
			passed: bad === 0 && errors.length === 0 && isOpen,
		};
	},
};
