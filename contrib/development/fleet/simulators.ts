import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { freePort } from "../../../test/support/free-port.ts";
import type { Expected } from "./comparison.ts";
import { Journal } from "./journal.ts";
import type { Site } from "./site.ts";
import { addressOf } from "./values.ts";
import { restartable, type Victim } from "./victim.ts";

/** A process of simulated agents, and what it has said. */
interface Simulator {
	port: number;
	journal: string;
	/** Samples that nobody has acknowledged. */
	left: number;
	/** Leases that ended before the acknowledgement, over all its restarts. */
	leasedAgain: number;
	victim: ReturnType<typeof restartable>;
}

/** The processes of the simulated agents. */
export class Simulators {
	readonly #all: readonly Simulator[];
	/** Agents of a process. */
	readonly #each: number;
	#isStopped = false;

	private constructor(each: number, all: Simulator[]) {
		this.#each = each;
		this.#all = all;
	}

	/** They are not started yet. */
	static async prepare(site: Site): Promise<Simulators> {
		const { agents, simulators } = site.options;
		const each = Math.ceil(agents / simulators);
		const all: Simulator[] = [];
		const created = new Simulators(each, all);
		for (let number = 0; number < simulators; number++)
			all.push(await created.#prepared(site, number));
		return created;
	}

	async #prepared(site: Site, number: number): Promise<Simulator> {
		const { scope, directory, pair, options } = site;
		const port = await freePort();
		const journal = join(directory, `journal${number}`);
		let before = 0;
		const begin = () =>
			fork(
				options.simulator,
				[
					...[String(port), pair["public-key"], pair["private-key"]],
					...[journal, 1 + number * this.#each, this.#each, options.values],
					...[options.intervalSeconds, options.churn ? 1 : 0],
				].map(String),
			);
		const state: Simulator = {
			...{ port, journal, left: 0, leasedAgain: 0 },
			victim: restartable(scope, "agents", begin, async (child) => {
				before = state.leasedAgain;
				child.on("message", (told) => {
					if (typeof told !== "object") return;
					const { left, leasedAgain } = told as Record<string, number>;
					state.left = left ?? 0;
					state.leasedAgain = before + (leasedAgain ?? 0);
				});
				await once(child, "message");
				if (this.#isStopped) child.send("stop");
			}),
		};
		return state;
	}

	get victims(): readonly Victim[] {
		return this.#all.map(({ victim }) => victim);
	}

	/** Where an agent is reached: an address of its own, and the port of its process. */
	targetOf(agent: number): string {
		const { port } = this.#all[
			Math.floor((agent - 1) / this.#each)
		] as Simulator;
		return `${addressOf(agent)}:${port}`;
	}

	/** Samples that nobody has acknowledged. */
	get left(): number {
		return this.#all.reduce((sum, { left }) => sum + left, 0);
	}

	/** Leases that ended before the acknowledgement. */
	get leasedAgain(): number {
		return this.#all.reduce((sum, each) => sum + each.leasedAgain, 0);
	}

	/** The agents are given no more samples; they go on answering. */
	stopGiving(): void {
		this.#isStopped = true;
		for (const { victim } of this.#all) victim.child()?.send("stop");
	}

	/** What each agent was given, read from the files. */
	given(): Map<number, Expected> {
		const all = new Map<number, Expected>();
		for (const { journal } of this.#all) {
			const ledger = new Journal(journal);
			ledger.close();
			for (const [agent, { given }] of ledger.agents)
				all.set(agent, { given: new Set(given), perhaps: new Set() });
		}
		return all;
	}
}
