import { isMissed, judge, table } from "../soak/judgement.ts";
import { soak as soakRun } from "../soak/run.ts";
import { original } from "../soak/workload.ts";
import { type Campaign, positive } from "./campaign.ts";

/** The original's acceptance test, on the built daemon. */
export const soak: Campaign = {
	summary: "the original's acceptance test, 45 minutes",
	usage: "[MINUTES]",
	async run({ scope, args, signal, progress }) {
		const minutes = positive("MINUTES", args[0] ?? original.minutes);
		const run = await soakRun(scope, { minutes, signal, progress });
		const verdicts = judge(run);
		const isShort = minutes < original.minutes;
		return {
			parameters: { minutes },
			figures: [
				...table(verdicts),
				...(isShort
					? [
							`in brackets: ${minutes} of ${original.minutes} minutes cannot tell; the database's limit is scaled`,
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
