import { expose, type Family } from "../../src/protocol/exposition.ts";

/** How a request ended. */
export const outcomes = [
	"answered",
	"failed",
	"late",
	"forbidden",
	"elsewhere",
	"busy",
	"gone",
] as const;

export type Outcome = (typeof outcomes)[number];

/** Numbers of a running broker, as `happo-ctl broker status --output json` prints them. */
export interface BrokerStatus {
	version: string;
	pid: number;
	uptime_seconds: number;
	/** Whether the system can tell which users its clients are. */
	knows_users: boolean;
	clients: number;
	max_clients: number;
	/** Checks that have not been answered yet. */
	checks_in_flight: number;
	/** Checks since the start, by outcome. */
	checks: Record<Outcome, number>;
	/** Those of them that got the result of another run. */
	checks_shared: number;
	/** Those of them that workers of Nagios asked for. */
	checks_of_workers: number;
	/** Total time of all checks, from request to answer. */
	check_seconds: number;
	/** Connections since the start, accepted and refused. */
	clients_accepted: number;
	clients_refused: number;
	/** Agents and bastions that the broker has connected to. */
	places: number;
}

/** Counts what a broker does. */
export interface Figures {
	ended(outcome: Outcome, milliseconds: number): void;
	shared(): void;
	askedByWorker(): void;
	accepted(): void;
	refused(): void;
	place(text: string): void;
	status(now: {
		knowsUsers: boolean;
		clients: number;
		maxClients: number;
		inFlight: number;
	}): BrokerStatus;
}

/** Limit for places that are counted. */
const maxPlaces = 100_000;

export function createFigures({
	version,
	pid,
	now,
}: {
	version: string;
	pid: number;
	/** Milliseconds. */
	now: () => number;
}): Figures {
	const started = now();
	const checks = Object.fromEntries(
		outcomes.map((outcome) => [outcome, 0]),
	) as Record<Outcome, number>;
	const places = new Set<string>();
	let milliseconds = 0;
	let shared = 0;
	let ofWorkers = 0;
	let accepted = 0;
	let refused = 0;
	return {
		ended(outcome, took) {
			checks[outcome]++;
			milliseconds += took;
		},
		shared: () => {
			shared++;
		},
		askedByWorker: () => {
			ofWorkers++;
		},
		accepted: () => {
			accepted++;
		},
		refused: () => {
			refused++;
		},
		place: (text) => {
			if (places.size < maxPlaces) places.add(text);
		},
		status: (current) => ({
			version,
			pid,
			uptime_seconds: Math.round((now() - started) / 1000),
			knows_users: current.knowsUsers,
			clients: current.clients,
			max_clients: current.maxClients,
			checks_in_flight: current.inFlight,
			checks: { ...checks },
			checks_shared: shared,
			checks_of_workers: ofWorkers,
			check_seconds: Math.round(milliseconds) / 1000,
			clients_accepted: accepted,
			clients_refused: refused,
			places: places.size,
		}),
	};
}

/** The page for Prometheus, in its text format. */
export function metricsPage(status: BrokerStatus): string {
	const one = (
		name: string,
		type: "counter" | "gauge",
		help: string,
		value: number,
	): Family => ({
		name: `happo_broker_${name}`,
		type,
		help,
		series: [{ value }],
	});
	return expose(
		[
			{
				name: "happo_broker",
				type: "info",
				help: "Version of the broker.",
				series: [{ labels: { version: status.version }, value: 1 }],
			},
			one(
				"uptime_seconds",
				"gauge",
				"Time since the start.",
				status.uptime_seconds,
			),
			{
				name: "happo_broker_checks",
				type: "counter",
				help: "Checks since the start, by how they ended.",
				series: outcomes.map((outcome) => ({
					labels: { outcome },
					value: status.checks[outcome],
				})),
			},
			one(
				"checks_shared",
				"counter",
				"Checks that got the result of another run.",
				status.checks_shared,
			),
			one(
				"checks_of_workers",
				"counter",
				"Checks that workers of Nagios asked for.",
				status.checks_of_workers,
			),
			one(
				"check_seconds",
				"counter",
				"Total time of all checks.",
				status.check_seconds,
			),
			one(
				"checks_in_flight",
				"gauge",
				"Checks that have not been answered yet.",
				status.checks_in_flight,
			),
			one("clients", "gauge", "Connections to the socket.", status.clients),
			one(
				"clients_accepted",
				"counter",
				"Connections to the socket since the start.",
				status.clients_accepted,
			),
			one(
				"clients_refused",
				"counter",
				"Connections to the socket that were refused.",
				status.clients_refused,
			),
			one(
				"places",
				"gauge",
				"Agents and bastions that the broker has connected to.",
				status.places,
			),
		],
		"text",
	);
}
