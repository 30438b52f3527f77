import type { Scope } from "../../../test/support/scope.ts";

/** How large a fleet is, and for how long it runs. */
export interface FleetOptions {
	/** Simulated agents, in this many processes, behind this many real agents, which are bastions. */
	agents: number;
	simulators: number;
	bastions: number;
	/** Values of an agent in each interval. */
	values: number;
	intervalSeconds: number;
	store: "victoria-metrics" | "prometheus";
	ackAfterSeconds: number;
	/** Minutes before figures are taken, minutes with figures, and minutes with kills. */
	warmUpMinutes: number;
	quietMinutes: number;
	chaosMinutes: number;
	/** One is killed at a random time in each of these. */
	killSeconds: number;
	/** What is killed: `agents`, `bastion`, `collector`, `nats`, `store`; empty: all of them. */
	killed: readonly string[];
	/** Collectors that share the hosts through NATS; 0: one without it. */
	workers: number;
	/** Whether each sample has names of its own, so that it is a new series. */
	churn: boolean;
	/** Mebibytes that the store's disk can write in a second, in at most 50 operations; 0: no limit. */
	disk: number;
	seed: number;
	/** The program of the simulated agents. */
	simulator: string;
	progress(line: string): void;
	signal: AbortSignal;
}

/** Where the processes of a fleet run. */
export interface Site {
	scope: Scope;
	/** For their files. */
	directory: string;
	/** The certificate and key of all agents. */
	pair: Record<"public-key" | "private-key", string>;
	options: FleetOptions;
}
