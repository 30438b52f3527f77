import { setTimeout as pause } from "node:timers/promises";
import type { RealStore } from "../../../test/support/stores.ts";
import { watchMachine } from "../bench/machine.ts";
import type { Collectors } from "./collectors.ts";
import { Roles } from "./roles.ts";
import type { FleetOptions } from "./site.ts";
import { type Lag, StoreLag } from "./store-lag.ts";
import { storedName } from "./values.ts";
import type { Victim } from "./victim.ts";

/** What was observed in some minutes. */
export interface Observed {
	seconds: number;
	/** Samples that the collectors wrote. */
	samples: number;
	/** Leases that ended before the acknowledgement. */
	leasedAgain: number;
	cpuSeconds: Record<string, number>;
	peakKilobytes: Record<string, number>;
	lag: Lag;
	/** How busy the machine was, by this and whatever else. */
	machine: string;
}

/** Reads all the time what the processes use, and how old samples are when the store has them. */
export class Observer {
	readonly #victims: readonly Victim[];
	readonly #collectors: Collectors;
	readonly #lag: StoreLag;
	readonly #roles = new Roles();
	readonly #leasedAgain: () => number;

	constructor(options: {
		fleet: FleetOptions;
		store: RealStore;
		victims: readonly Victim[];
		collectors: Collectors;
		leasedAgain(): number;
	}) {
		const { agents, churn } = options.fleet;
		this.#victims = options.victims;
		this.#collectors = options.collectors;
		this.#leasedAgain = options.leasedAgain;
		this.#lag = new StoreLag(options.store, {
			agents: Array.from({ length: agents }, (_, index) => index + 1),
			metric: churn
				? `__name__=~"${storedName(0)}_[0-9]+"`
				: `__name__="${storedName(0)}"`,
		});
	}

	/** Call it once a second, with a number that goes up. */
	async tick(second: number): Promise<void> {
		if (second % 2 === 0) {
			this.readProcesses();
			void this.#lag.read();
		}
		if (second % 5 === 0) await this.#collectors.read();
	}

	/** Call it before one is killed as well. */
	readProcesses(): void {
		const pids: Record<string, number[]> = {};
		for (const { role, pid } of this.#victims) {
			const list = pids[role] ?? [];
			pids[role] = list;
			list.push(pid());
		}
		this.#roles.read(pids);
	}

	/** Begins to observe. The returned function ends it and tells what was seen. */
	async begin(): Promise<() => Promise<Observed>> {
		this.readProcesses();
		this.#roles.reset();
		await this.#collectors.read();
		this.#lag.take();
		const writtenBefore = this.#collectors.samplesWritten;
		const againBefore = this.#leasedAgain();
		const machine = watchMachine();
		const began = performance.now();
		return async () => {
			this.readProcesses();
			await this.#collectors.read();
			const roles = [...this.#roles.all];
			return {
				seconds: (performance.now() - began) / 1_000,
				samples: this.#collectors.samplesWritten - writtenBefore,
				leasedAgain: this.#leasedAgain() - againBefore,
				cpuSeconds: Object.fromEntries(
					roles.map(([role, { cpuSeconds }]) => [role, cpuSeconds]),
				),
				peakKilobytes: Object.fromEntries(
					roles.map(([role, { peakKilobytes }]) => [role, peakKilobytes]),
				),
				lag: this.#lag.take(),
				machine: machine(),
			};
		};
	}

	/** The lag since the last time that it was told. */
	takeLag(): Lag {
		return this.#lag.take();
	}
}

/** Waits some minutes; throws if they are aborted. */
export async function minutes(
	count: number,
	signal: AbortSignal,
): Promise<void> {
	const until = performance.now() + count * 60_000;
	while (performance.now() < until) {
		signal.throwIfAborted();
		await pause(Math.min(1_000, until - performance.now()));
	}
}
