import { setTimeout as pause } from "node:timers/promises";
import { createRandom } from "../../../test/support/crash.ts";
import { batchesLeasedBy } from "./collectors.ts";
import type { FleetOptions } from "./site.ts";
import type { Victim } from "./victim.ts";

/** What was killed. */
export interface Kills {
	/** By role. */
	kills: Record<string, number>;
	/** Batches that killed collectors had leased and not acknowledged: their leases end. */
	leftLeased: number;
}

/** The longest time that a killed one stays away, in milliseconds. */
const maxAwayMilliseconds = 5_000;

/**
 * Kills one after the other with kill -9 and starts it again, each role as often as the others,
 * however many there are of it.
 * @param before is called before each kill
 */
export async function killAtRandom(
	victims: readonly Victim[],
	options: FleetOptions,
	before: () => Promise<void>,
): Promise<Kills> {
	const { killed, signal, progress } = options;
	const random = createRandom(options.seed);
	const periodMilliseconds = options.killSeconds * 1_000;
	const mortal = victims.filter(
		({ role }) => killed.length === 0 || killed.includes(role),
	);
	const counts: Record<string, number> = {};
	let leftLeased = 0;
	let roles: string[] = [];
	const until = performance.now() + options.chaosMinutes * 60_000;
	while (performance.now() < until) {
		signal.throwIfAborted();
		const periodEnds = performance.now() + periodMilliseconds;
		await pause(random() * periodMilliseconds);
		if (roles.length === 0)
			roles = [...new Set(mortal.map(({ role }) => role))];
		const [role] = roles.splice(Math.floor(random() * roles.length), 1);
		const such = mortal.filter((victim) => victim.role === role);
		const victim = such[Math.floor(random() * such.length)];
		if (!victim || !role) throw new Error(`nothing to kill: ${killed}`);
		await before();
		if (victim.page) leftLeased += await batchesLeasedBy(victim.page);
		counts[role] = (counts[role] ?? 0) + 1;
		await victim.kill();
		await pause(
			random() * Math.min(maxAwayMilliseconds, periodMilliseconds / 2),
		);
		await victim.start();
		progress(`killed: ${JSON.stringify(counts)}`);
		await pause(Math.max(0, periodEnds - performance.now()));
	}
	return { kills: counts, leftLeased };
}
