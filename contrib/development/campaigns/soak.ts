import { isMissed, judge, table } from "../soak/judgement.ts";
import { soak as soakRun } from "../soak/run.ts";
import { v1Test } from "../soak/workload.ts";
import { type Campaign, positive } from "./campaign.ts";

/** v1's acceptance test, on the built daemon. */
export const soak: Campaign = {
	summary: "v1's acceptance test, 45 minutes",
	usage: "[MINUTES]",
	async run({ scope, args, signal, progress }) {
		const minutes = positive("MINUTES", args[0] ?? v1Test.minutes);
		const run = await soakRun(scope, { minutes, signal, progress });
		const verdicts = judge(run);
		const isShort = minutes < v1Test.minutes;
		return {
			parameters: { minutes },
			figures: [
				...table(verdicts),
				...(isShort
					? [
							`in brackets: ${minutes} of ${v1Test.minutes} minutes are too few to decide; the database's limit is scaled`,
						]
					: []),
				...(run.checks.firstFailure
					? [`failed: ${run.checks.firstFailure}`]
					: []),
				...run.logLines.slice(0, 20),
			],
			passed: !verdicts.some(isMissed),
		};
	},
};
