import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { Agent } from "node:https";
import { join } from "node:path";
import { freePort } from "../../../test/support/free-port.ts";
import { send } from "../../../test/support/https.ts";
import type { Expected } from "./comparison.ts";
import type { Site } from "./site.ts";
import { nameAt, valueAt } from "./values.ts";
import { listens, restartable, silent, type Victim } from "./victim.ts";

/** A real agent, which is a bastion and has samples of its own. */
class Bastion implements Expected {
	readonly given = new Set<number>();
	readonly perhaps = new Set<number>();
	readonly number: number;
	readonly port: number;
	readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

	constructor(number: number, port: number) {
		this.number = number;
		this.port = port;
	}

	async give(time: number, values: number, churn: boolean): Promise<void> {
		const metrics = Array.from({ length: values }, (_, metric) => [
			nameAt(metric, time, churn),
			valueAt(this.number, metric, time),
		]);
		this.perhaps.add(time);
		const { status } = await send({
			...{ port: this.port, agent: this.#agent, method: "POST" },
			path: "/metric/append",
			body: JSON.stringify({
				metric_data: [
					{
						...{ hostname: `sim${this.number}`, timestamp: time },
						metrics: Object.fromEntries(metrics),
					},
				],
			}),
		});
		if (status !== 200) return;
		this.perhaps.delete(time);
		this.given.add(time);
	}
}

/** Real agents that relay to the simulated ones. */
export class Bastions {
	readonly all: readonly Bastion[];
	readonly victims: readonly Victim[];
	readonly #site: Site;

	private constructor(
		site: Site,
		all: readonly Bastion[],
		victims: readonly Victim[],
	) {
		this.#site = site;
		this.all = all;
		this.victims = victims;
	}

	/** Their numbers follow those of the simulated agents. They are not started yet. */
	static async prepare(site: Site): Promise<Bastions> {
		const { scope, directory, pair, options } = site;
		const all: Bastion[] = [];
		const victims: Victim[] = [];
		for (let number = 1; number <= options.bastions; number++) {
			const own = join(directory, `bastion${number}`);
			await mkdir(own);
			const port = await freePort();
			const words = [
				...["dist/happo-agent.js", "daemon", "-l", join(own, "log")],
				...["-P", String(port), "--listen-address", "127.0.0.1"],
				...["-B", pair["public-key"], "-R", pair["private-key"]],
				...["--dbfile", join(own, "db"), "--disable-collect-metrics"],
				...["--metric-config", join(own, "metrics.yaml")],
				...["--metric-consumers", "fleet", "--admin-socket", "none"],
				...["-A", "127.0.0.0/8", "--proxy-destinations", "127.0.0.0/8"],
			];
			victims.push(
				restartable(
					scope,
					"bastion",
					() => spawn(process.execPath, words, silent),
					() => listens("a bastion", port),
				),
			);
			all.push(new Bastion(options.agents + number, port));
		}
		return new Bastions(site, all, victims);
	}

	/** Gives a sample to those that are due in this second. What fails may have been taken. */
	give(second: number): void {
		const { values, churn, intervalSeconds } = this.#site.options;
		for (const bastion of this.all)
			if ((second + bastion.number) % intervalSeconds === 0)
				void bastion.give(second, values, churn).catch(() => {});
	}
}
