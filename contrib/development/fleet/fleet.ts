import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { writeTestKeyPair } from "../../../test/support/agent.ts";
import { eventually } from "../../../test/support/eventually.ts";
import type { Scope } from "../../../test/support/scope.ts";
import { startStore } from "../../../test/support/stores.ts";
import { temporaryDirectory } from "../../../test/support/temporary.ts";
import { Bastions } from "./bastions.ts";
import { killAtRandom } from "./chaos.ts";
import { Collectors } from "./collectors.ts";
import { compared } from "./comparison.ts";
import { minutes, Observer } from "./observer.ts";
import type { FleetReport } from "./report.ts";
import { Simulators } from "./simulators.ts";
import type { FleetOptions, Site } from "./site.ts";
import { mountSlowDisk } from "./slow-disk.ts";
import type { Victim } from "./victim.ts";

/** Writes the list of hosts: each bastion, and its share of the simulated agents. */
async function writeHosts(
	{ directory, options }: Site,
	bastions: Bastions,
	simulators: Simulators,
): Promise<string> {
	const file = join(directory, "hosts.json");
	const agents = Array.from(
		{ length: options.agents },
		(_, index) => index + 1,
	);
	const relayed = bastions.all.map(({ port }, index) => ({
		targets: agents
			.filter((agent) => agent % options.bastions === index)
			.map((agent) => simulators.targetOf(agent)),
		labels: { __via__: `127.0.0.1:${port}` },
	}));
	const targets = bastions.all.map(({ port }) => `127.0.0.1:${port}`);
	await writeFile(file, JSON.stringify([...relayed, { targets }]));
	return file;
}

/**
 * Observes, and gives samples to the bastions, once a second.
 * @returns what ends the giving, and what ends all of it
 */
function beginSeconds(scope: Scope, bastions: Bastions, observer: Observer) {
	let isGiving = true;
	let isOver = false;
	const running = (async () => {
		for (let second = 0; !isOver; second++) {
			await pause(1_000);
			await observer.tick(second);
			if (isGiving) bastions.give(Math.floor(Date.now() / 1_000));
		}
	})();
	const end = () => {
		isOver = true;
		return running;
	};
	scope.after(end);
	return {
		stopGiving: () => {
			isGiving = false;
		},
		end,
	};
}

/** Waits until the agents have all of their samples acknowledged, or three leases have passed. */
async function allAcknowledged(
	{ options }: Site,
	simulators: Simulators,
): Promise<void> {
	const { intervalSeconds, ackAfterSeconds, signal, progress } = options;
	progress("waits until all is acknowledged");
	const lease = intervalSeconds + ackAfterSeconds + 15;
	await pause(2_000);
	await eventually(
		"all is acknowledged",
		() => {
			signal.throwIfAborted();
			return simulators.left === 0;
		},
		(3 * lease + 120) * 1_000,
	).catch((error) => progress(String(error)));
	// the bastions have nobody who says so
	await pause((intervalSeconds + ackAfterSeconds) * 1_000);
}

/**
 * Runs a fleet: simulated agents behind bastions, a collector and a store, all in processes of their
 * own that are killed with kill -9 at random; and compares the store with what the agents were given.
 */
export async function runFleet(
	scope: Scope,
	options: FleetOptions,
): Promise<FleetReport> {
	const { progress, signal, values, churn } = options;
	const directory = await temporaryDirectory(scope);
	const pair = await writeTestKeyPair(directory);
	const site: Site = { scope, directory, pair, options };
	const disk =
		options.disk > 0 ? await mountSlowDisk(scope, options.disk) : undefined;
	const diskBegan = performance.now();
	const store = await startStore(scope, options.store, {
		parent: disk?.path,
		config: "{ storage: { tsdb: { out_of_order_time_window: 1d } } }",
	});
	const bastions = await Bastions.prepare(site);
	const simulators = await Simulators.prepare(site);
	const hosts = await writeHosts(site, bastions, simulators);
	const collectors = await Collectors.prepare(site, hosts, store.url);

	progress(
		`${options.agents} agents behind ${options.bastions} bastions, in ${directory}`,
	);
	const started = [bastions, simulators, collectors].flatMap(
		({ victims }) => victims,
	);
	for (const victim of started) {
		signal.throwIfAborted();
		await victim.start();
	}
	const victims: Victim[] = [{ role: "store", ...store }, ...started];
	const observer = new Observer({
		...{ fleet: options, store, victims, collectors },
		leasedAgain: () => simulators.leasedAgain,
	});
	const seconds = beginSeconds(scope, bastions, observer);

	progress(`warm-up of ${options.warmUpMinutes} minutes`);
	await minutes(options.warmUpMinutes, signal);
	const observed = await observer.begin();
	await minutes(options.quietMinutes, signal);
	const quiet = await observed();
	const kills = await killAtRandom(victims, options, async () => {
		await collectors.read();
		observer.readProcesses();
	});

	seconds.stopGiving();
	simulators.stopGiving();
	await allAcknowledged(site, simulators);
	await seconds.end();
	const chaosLag = observer.takeLag();
	const diskReport = disk && {
		writtenBytes: disk.writtenBytes(),
		seconds: (performance.now() - diskBegan) / 1_000,
	};
	disk?.release();

	signal.throwIfAborted();
	progress("compares the store with what the agents were given");
	const expected = simulators.given();
	for (const bastion of bastions.all) expected.set(bastion.number, bastion);
	return {
		...(await compared(store, expected, { values, churn })),
		...{ ...kills, quiet, chaosLag },
		quarantined: await collectors.quarantined(),
		disk: diskReport,
		left: simulators.left,
		leasedAgain: simulators.leasedAgain,
	};
}
