import { cpuOf, residentOf } from "../soak/process-figures.ts";

/** CPU seconds and memory of the processes of one kind, over their restarts. */
export interface RoleFigures {
	cpuSeconds: number;
	/** Peak of resident memory of all of them together, in KB. */
	peakKilobytes: number;
}

/** Adds up what processes use, whichever process plays a role at the time. */
export class Roles {
	readonly #last = new Map<number, number>();
	readonly #figures = new Map<string, RoleFigures>();

	/** Takes a reading. Call it at least every few seconds: what a killed process used since is not seen. */
	read(pids: Readonly<Record<string, readonly number[]>>): void {
		for (const [role, list] of Object.entries(pids)) {
			const figures = this.of(role);
			let kilobytes = 0;
			for (const pid of list)
				try {
					const cpu = cpuOf(pid).own;
					kilobytes += residentOf(pid).now || 0;
					figures.cpuSeconds += cpu - (this.#last.get(pid) ?? 0);
					this.#last.set(pid, cpu);
				} catch {
					// it has been killed
				}
			figures.peakKilobytes = Math.max(figures.peakKilobytes, kilobytes);
		}
	}

	of(role: string): RoleFigures {
		const known = this.#figures.get(role) ?? {
			...{ cpuSeconds: 0, peakKilobytes: 0 },
		};
		this.#figures.set(role, known);
		return known;
	}

	get all(): ReadonlyMap<string, RoleFigures> {
		return this.#figures;
	}

	/** Forgets what was used so far. */
	reset(): void {
		this.#figures.clear();
	}
}
