import { join } from "node:path";
import { runFleet } from "../fleet/fleet.ts";
import { fleetFigures } from "../fleet/report.ts";
import type { FleetOptions } from "../fleet/site.ts";
import { type Campaign, positive } from "./campaign.ts";

/** Defaults of the parameters, which are given as NAME=VALUE. */
const defaults = {
	...{ agents: 10_000, bastions: 20, simulators: 1, values: 200 },
	...{ interval: 60, "ack-after": 30, "warm-up": 5, quiet: 5, chaos: 60 },
	...{ kill: 30, workers: 0, churn: 0, disk: 0, seed: 0 },
};

type Name = keyof typeof defaults;

const isName = (name: string): name is Name => Object.hasOwn(defaults, name);

/** A fleet of simulated agents, polled through bastions into a store, with kills. */
export const fleet: Campaign = {
	summary:
		"10,000 agents, a collector and a store, killed at random; 75 minutes. Minutes: warm-up, quiet, chaos; seconds: interval, ack-after, kill; NAMES: store=prometheus, killed=ROLE[,ROLE...] (agents, bastion, collector, nats, store) and the numbers agents, bastions, simulators, values, workers (on NATS), churn (1: each sample is a new series), disk (MiB a second that the store's can write; needs root), seed",
	usage: "[NAME=VALUE ...]",
	async run({ scope, args, signal, progress }) {
		const given = { ...defaults, seed: Date.now() % 2 ** 32 };
		let store: FleetOptions["store"] = "victoria-metrics";
		let killed: string[] = [];
		for (const word of args) {
			const [name = "", value = ""] = word.split("=");
			if (name === "killed") killed = value.split(",");
			else if (word === "store=prometheus") store = "prometheus";
			else if (!isName(name)) throw new Error(`not a parameter: ${word}`);
			else given[name] = value === "0" ? 0 : positive(name, value);
		}
		const options: FleetOptions = {
			...{ store, progress, signal, seed: given.seed },
			...{ agents: given.agents, bastions: given.bastions },
			...{ simulators: given.simulators, values: given.values },
			intervalSeconds: given.interval,
			ackAfterSeconds: given["ack-after"],
			warmUpMinutes: given["warm-up"],
			quietMinutes: given.quiet,
			chaosMinutes: given.chaos,
			killSeconds: given.kill,
			workers: given.workers,
			churn: given.churn > 0,
			...{ disk: given.disk, killed },
			simulator: join(process.cwd(), "build/fleet/simulated-agents.js"),
		};
		const report = await runFleet(scope, options);
		const bad =
			report.lost + report.altered + report.invented + report.quarantined;
		return {
			parameters: { store, ...given, killed: killed.join(" ") || "all" },
			figures: fleetFigures(report, options),
			passed: bad === 0 && report.left === 0 && report.given > 0,
		};
	},
};
