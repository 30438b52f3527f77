import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { Agent } from "node:https";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { writeTestKeyPair } from "../../../test/support/agent.ts";
import { createRandom } from "../../../test/support/crash.ts";
import { eventually } from "../../../test/support/eventually.ts";
import { send } from "../../../test/support/https.ts";
import { killProcess } from "../../../test/support/kill-process.ts";
import type { Scope } from "../../../test/support/scope.ts";
import {
	freePort,
	type RealStore,
	startStore,
} from "../../../test/support/stores.ts";
import { temporaryDirectory } from "../../../test/support/temporary.ts";
import { watchMachine } from "../bench/machine.ts";
import { compared, type Expected } from "./comparison.ts";
import { Journal } from "./journal.ts";
import { Roles } from "./roles.ts";
import { mountSlowDisk, type SlowDisk } from "./slow-disk.ts";
import { type Lag, StoreLag } from "./store-lag.ts";
import { addressOf, metricName, storedName, valueAt } from "./values.ts";

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

/** What came of it. */
export interface FleetReport {
	/** Samples (values) that the agents were given, and those of them that are not in the store. */
	given: number;
	lost: number;
	/** Samples in the store with another value. */
	altered: number;
	/** Series or times in the store that nobody was given. */
	invented: number;
	/** Samples that no agent has had acknowledged at the end. */
	left: number;
	quarantined: number;
	kills: Record<string, number>;
	/** Leases that had ended before the acknowledgement. */
	leasedAgain: number;
	/** Batches that killed collectors had leased and not acknowledged: their leases end. */
	leftLeased: number;
	/** Of the quiet minutes. */
	quiet: {
		seconds: number;
		samples: number;
		/** As of the whole run; nobody is killed, so the leases are too short if there are any. */
		leasedAgain: number;
		cpuSeconds: Record<string, number>;
		peakKilobytes: Record<string, number>;
		lag: Lag;
		/** How busy the machine was, by this and whatever else. */
		machine: string;
	};
	/** As in the quiet minutes, with kills. */
	chaosLag: Lag;
	/** Bytes that the store's disk wrote in the whole run, and its time; undefined for a disk without limit. */
	disk: { writtenBytes: number; seconds: number } | undefined;
	first: string[];
}

/** A program that may be killed at any time and is started again. */
interface Victim {
	role: string;
	/** Kills it with kill -9. */
	kill(): Promise<void>;
	start(): Promise<void>;
	pid(): number;
	/** Its page for Prometheus, if it has one. */
	page?: string;
}

/** A process that is started again and again with the same arguments. */
function restartable(
	scope: Scope,
	role: string,
	begin: () => ChildProcess,
	ready: (child: ChildProcess) => Promise<void>,
): Victim & { child(): ChildProcess | undefined } {
	let child: ChildProcess | undefined;
	const kill = () => killProcess(child);
	scope.after(kill);
	return {
		...{ role, kill },
		pid: () => child?.pid ?? 0,
		child: () => child,
		start: async () => {
			const begun = begin();
			child = begun;
			const ended = once(begun, "exit").then(([code, signal]) => {
				throw new Error(`${role} ended: ${code ?? signal}`);
			});
			await Promise.race([ready(begun), ended]);
			ended.catch(() => {});
		},
	};
}

/** Operations a second of a slow disk, as of one that turns. */
const diskOperations = 50;

const silent = { stdio: ["ignore", "ignore", "ignore"] as "ignore"[] };

/** Waits until something listens there. */
const listens = (what: string, port: number, path = "/") =>
	eventually(
		`${what} listens`,
		() =>
			send({ port, path }).then(
				() => true,
				() => false,
			),
		60_000,
	);

/** Reads a page for Prometheus; "" if its process is away. */
const pageText = (page: string) =>
	fetch(page).then(
		(answer) => answer.text(),
		() => "",
	);

/** The sum of a counter of a collector's page over its consumers; undefined if it is not there. */
function counterOf(page: string, name: string): number | undefined {
	const line = new RegExp(
		`^happo_collector_${name}_total\\{.*\\} (\\S+)$`,
		"gm",
	);
	const found = [...page.matchAll(line)].map(([, value]) => Number(value));
	return found.length === 0
		? undefined
		: found.reduce((sum, each) => sum + each);
}

/** A real agent, which is a bastion and has samples of its own. */
class RealAgent implements Expected {
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

const nameAt = (metric: number, time: number, churn: boolean) =>
	`${metricName(metric)}${churn ? `.${time}` : ""}`;

/**
 * Runs a fleet: simulated agents behind bastions, a collector and a store, all in processes of their
 * own that are killed with kill -9 at random; and compares the store with what the agents were given.
 */
export async function runFleet(
	scope: Scope,
	options: FleetOptions,
): Promise<FleetReport> {
	const { agents, simulators, bastions, values, intervalSeconds } = options;
	const { progress, signal, churn } = options;
	const directory = await temporaryDirectory(scope);
	const pair = await writeTestKeyPair(directory);
	const random = createRandom(options.seed);
	const victims: Victim[] = [];

	const disk: SlowDisk | undefined =
		options.disk > 0
			? await mountSlowDisk(scope, {
					...{ mebibytes: options.disk, operations: diskOperations },
				})
			: undefined;
	const diskBegan = performance.now();
	const store: RealStore = await startStore(scope, options.store, {
		parent: disk?.path,
		config: "{ storage: { tsdb: { out_of_order_time_window: 1d } } }",
	});
	victims.push({ role: "store", ...store });

	// real agents
	const real: RealAgent[] = [];
	for (let number = 1; number <= bastions; number++) {
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
		real.push(new RealAgent(agents + number, port));
	}

	// simulated agents
	const simulated: { journal: string; left: number; again: number }[] = [];
	const ports: number[] = [];
	const each = Math.ceil(agents / simulators);
	const stops: (() => void)[] = [];
	for (let number = 0; number < simulators; number++) {
		const port = await freePort();
		const journal = join(directory, `journal${number}`);
		const state = { journal, left: 0, again: 0 };
		let before = 0;
		let isStopped = false;
		const victim = restartable(
			scope,
			"agents",
			() =>
				fork(
					options.simulator,
					[
						...[String(port), pair["public-key"], pair["private-key"]],
						...[journal, 1 + number * each, each, values],
						...[intervalSeconds, churn ? 1 : 0],
					].map(String),
				),
			async (child) => {
				before = state.again;
				child.on("message", (told) => {
					if (typeof told !== "object") return;
					const { left, leasedAgain } = told as Record<string, number>;
					state.left = left ?? 0;
					state.again = before + (leasedAgain ?? 0);
				});
				await once(child, "message");
				if (isStopped) child.send("stop");
			},
		);
		stops.push(() => {
			isStopped = true;
			victim.child()?.send("stop");
		});
		victims.push(victim);
		simulated.push(state);
		ports.push(port);
	}

	// the list of hosts
	const hosts = join(directory, "hosts.json");
	const listed = Array.from({ length: bastions }, (_, bastion) => ({
		targets: Array.from({ length: agents }, (_, index) => index + 1)
			.filter((agent) => agent % bastions === bastion)
			.map(
				(agent) =>
					`${addressOf(agent)}:${ports[Math.floor((agent - 1) / each)]}`,
			),
		labels: { __via__: `127.0.0.1:${real[bastion]?.port}` },
	}));
	const targets = real.map(({ port }) => `127.0.0.1:${port}`);
	await writeFile(hosts, JSON.stringify([...listed, { targets }]));

	// collectors
	const pages: string[] = [];
	const quarantines: string[] = [];
	let queue: string[] = [];
	if (options.workers > 0) {
		const port = await freePort();
		const config = join(directory, "nats.conf");
		await writeFile(
			config,
			`listen: "127.0.0.1:${port}"\njetstream: { store_dir: "${join(directory, "nats")}" }\n`,
		);
		victims.push(
			restartable(
				scope,
				"nats",
				() => spawn("nats-server", ["-c", config], silent),
				() => pause(500),
			),
		);
		queue = ["--queue", `nats://127.0.0.1:${port}`];
	}
	for (let number = 0; number < Math.max(1, options.workers); number++) {
		const port = await freePort();
		const quarantine = join(directory, `quarantine${number}`);
		quarantines.push(quarantine);
		const page = `http://127.0.0.1:${port}/metrics`;
		pages.push(page);
		const words = [
			...["dist/happo-collector.js", "run", "--hosts", hosts, "--insecure"],
			...["--write", store.url.href, "--quarantine", quarantine],
			...["--interval", String(intervalSeconds)],
			...["--ack-after", String(options.ackAfterSeconds)],
			...["--listen", `127.0.0.1:${port}`],
			...["-l", join(directory, `collector${number}.log`), ...queue],
		];
		victims.push({
			page,
			...restartable(
				scope,
				"collector",
				() => spawn(process.execPath, words, silent),
				() =>
					eventually(
						"the collector listens",
						async () => (await pageText(page)) !== "",
						60_000,
					),
			),
		});
	}

	progress(`${agents} agents behind ${bastions} bastions, in ${directory}`);
	for (const victim of victims) {
		signal.throwIfAborted();
		// the store runs already
		if (victim.role !== "store") await victim.start();
	}

	// what happens all the time
	const roles = new Roles();
	const written = pages.map(() => 0);
	let endedWritten = 0;
	const readPages = () =>
		Promise.all(
			pages.map(async (page, index) => {
				const now = counterOf(await pageText(page), "samples_written");
				if (now === undefined) return;
				const before = written[index] ?? 0;
				// a restarted one begins at 0
				if (now < before) endedWritten += before;
				written[index] = now;
			}),
		);
	const allWritten = () =>
		written.reduce((sum, each) => sum + each, endedWritten);
	const lag = new StoreLag(store, {
		agents: Array.from({ length: agents }, (_, index) => index + 1),
		metric: churn
			? `__name__=~"${storedName(0)}_[0-9]+"`
			: `__name__="${storedName(0)}"`,
	});
	const leasedAgain = () =>
		simulated.reduce((sum, { again }) => sum + again, 0);
	const pidsByRole = () => {
		const pids: Record<string, number[]> = {};
		for (const victim of victims) {
			const list = pids[victim.role] ?? [];
			pids[victim.role] = list;
			list.push(victim.pid());
		}
		return pids;
	};
	let isGiving = true;
	let isOver = false;
	const background = (async () => {
		for (let second = 0; !isOver; second++) {
			await pause(1_000);
			if (second % 2 === 0) {
				roles.read(pidsByRole());
				void lag.read();
			}
			if (second % 5 === 0) await readPages();
			const now = Math.floor(Date.now() / 1_000);
			for (const agent of real)
				if (isGiving && (now + agent.number) % intervalSeconds === 0)
					void agent.give(now, values, churn).catch(() => {});
		}
	})();
	scope.after(() => {
		isOver = true;
		return background;
	});
	const minutes = async (count: number) => {
		const until = performance.now() + count * 60_000;
		while (performance.now() < until) {
			signal.throwIfAborted();
			await pause(Math.min(1_000, until - performance.now()));
		}
	};

	progress(`warm-up of ${options.warmUpMinutes} minutes`);
	await minutes(options.warmUpMinutes);
	roles.read(pidsByRole());
	roles.reset();
	await readPages();
	lag.take();
	const writtenBefore = allWritten();
	const againBefore = leasedAgain();
	const machine = watchMachine();
	const quietBegan = performance.now();
	await minutes(options.quietMinutes);
	roles.read(pidsByRole());
	await readPages();
	const quiet = {
		seconds: (performance.now() - quietBegan) / 1_000,
		samples: allWritten() - writtenBefore,
		leasedAgain: leasedAgain() - againBefore,
		cpuSeconds: Object.fromEntries(
			[...roles.all].map(([role, { cpuSeconds }]) => [role, cpuSeconds]),
		),
		peakKilobytes: Object.fromEntries(
			[...roles.all].map(([role, figures]) => [role, figures.peakKilobytes]),
		),
		lag: lag.take(),
		machine: machine(),
	};

	const kills: Record<string, number> = {};
	let leftLeased = 0;
	let kinds: string[] = [];
	const { killed } = options;
	const mortal = victims.filter(
		({ role }) => killed.length === 0 || killed.includes(role),
	);
	const chaosUntil = performance.now() + options.chaosMinutes * 60_000;
	while (performance.now() < chaosUntil) {
		signal.throwIfAborted();
		const before = random() * options.killSeconds * 1_000;
		await pause(before);
		// each kind as often as the others, however many there are of it
		if (kinds.length === 0)
			kinds = [...new Set(mortal.map(({ role }) => role))];
		const [role] = kinds.splice(Math.floor(random() * kinds.length), 1);
		const such = mortal.filter((victim) => victim.role === role);
		const victim = such[Math.floor(random() * such.length)];
		if (!victim || !role) throw new Error(`nothing to kill: ${killed}`);
		const periodEnds = performance.now() + options.killSeconds * 1_000 - before;
		await readPages();
		roles.read(pidsByRole());
		if (victim.page) {
			const page = await pageText(victim.page);
			const leased = counterOf(page, "batches_leased") ?? 0;
			const ended = ["batches_acknowledged", "batches_unwritten"];
			leftLeased += ended.reduce(
				(left, name) => left - (counterOf(page, name) ?? 0),
				leased,
			);
		}
		kills[role] = (kills[role] ?? 0) + 1;
		await victim.kill();
		await pause(random() * Math.min(5_000, options.killSeconds * 500));
		await victim.start();
		progress(`killed: ${JSON.stringify(kills)}`);
		await pause(Math.max(0, periodEnds - performance.now()));
	}

	isGiving = false;
	for (const stop of stops) stop();
	const left = () => simulated.reduce((sum, each) => sum + each.left, 0);
	progress(`waits until all is acknowledged`);
	const lease = intervalSeconds + options.ackAfterSeconds + 15;
	await pause(2_000);
	await eventually(
		"all is acknowledged",
		() => {
			signal.throwIfAborted();
			return left() === 0;
		},
		(3 * lease + 120) * 1_000,
	).catch((error) => progress(String(error)));
	// the real agents have nobody who says so
	await pause((intervalSeconds + options.ackAfterSeconds) * 1_000);
	isOver = true;
	await background;
	const chaosLag = lag.take();
	const diskReport = disk && {
		writtenBytes: disk.writtenBytes(),
		seconds: (performance.now() - diskBegan) / 1_000,
	};
	disk?.release();

	signal.throwIfAborted();
	progress("compares the store with what the agents were given");
	const expected = new Map<number, Expected>();
	for (const { journal } of simulated) {
		const ledger = new Journal(journal);
		ledger.close();
		for (const [agent, { given }] of ledger.agents)
			expected.set(agent, { given: new Set(given), perhaps: new Set() });
	}
	for (const { number, given, perhaps } of real)
		expected.set(number, { given, perhaps });
	const comparison = await compared(store, expected, { values, churn });
	let quarantined = 0;
	for (const file of quarantines)
		quarantined +=
			(await readFile(file, "utf8").catch(() => "")).split("\n").length - 1;
	return {
		...comparison,
		...{ kills, quiet, chaosLag, quarantined, leftLeased },
		disk: diskReport,
		left: left(),
		leasedAgain: leasedAgain(),
	};
}

const lagText = ({ count, median, high, largest }: Lag) =>
	`median ${median.toFixed(1)} s, 99 % up to ${high.toFixed(1)} s, largest ${largest.toFixed(1)} s of ${count}`;

const diskText = (
	{ writtenBytes, seconds }: NonNullable<FleetReport["disk"]>,
	limit: number,
) =>
	`the store's disk wrote ${(writtenBytes / 2 ** 20 / seconds).toFixed(2)} MiB a second, of at most ${limit} MiB in ${diskOperations} operations`;

/** The lines of a report. */
export function fleetFigures(
	{ quiet, ...report }: FleetReport,
	{ intervalSeconds, disk }: Pick<FleetOptions, "intervalSeconds" | "disk">,
): string[] {
	const kills = Object.entries(report.kills)
		.map(([role, count]) => `${count} ${role}`)
		.join(", ");
	return [
		`given ${report.given} samples, lost ${report.lost}, altered ${report.altered}, invented ${report.invented}`,
		`not acknowledged at the end: ${report.left} times of samples; in quarantine: ${report.quarantined}`,
		`killed with kill -9: ${kills || "nothing"}; leases that ended before the acknowledgement: ${report.leasedAgain}, of these ${quiet.leasedAgain} in the quiet minutes; batches that killed collectors held: ${report.leftLeased}`,
		`${quiet.samples} samples in ${quiet.seconds.toFixed(0)} quiet seconds: ${(quiet.samples / quiet.seconds).toFixed(0)} a second; ${quiet.machine}`,
		...Object.entries(quiet.cpuSeconds).map(
			([role, cpu]) =>
				`${role}: ${((100 * cpu) / quiet.seconds).toFixed(1)} % of a core, ${((1e6 * cpu) / quiet.samples).toFixed(2)} us a sample, peak ${((quiet.peakKilobytes[role] ?? 0) / 1024).toFixed(0)} MiB`,
		),
		`lag, from a sample's time until the store shows it (the interval is ${intervalSeconds} s): ${lagText(quiet.lag)}; with kills ${lagText(report.chaosLag)}`,
		...(report.disk ? [diskText(report.disk, disk)] : []),
		...report.first,
	];
}
