import { execFile, spawnSync } from "node:child_process";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import {
	checkHappoCommand,
	nativeClientMissing,
} from "../../../test/support/check-happo.ts";
import { missingNagios } from "../../../test/support/nagios.ts";
import { startAgent } from "./agent.ts";
import { type BenchBroker, startBroker } from "./broker.ts";
import type { Measured } from "./load.ts";
import {
	measureNagios,
	type NagiosMeasured,
	type NagiosSetup,
} from "./nagios-jobs.ts";
import { nrpeCommand, startNrpe } from "./nrpe.ts";
import { checkDummy } from "./plugins.ts";
import { cpuOfTree } from "./process-tree.ts";
import { inRounds } from "./rounds.ts";
import type { Scene } from "./scene.ts";
import type { Section } from "./section.ts";
import type { Server } from "./server.ts";
import { ratios, summary } from "./summary.ts";

const run = promisify(execFile);

const checkNrpe = "/usr/lib/nagios/plugins/check_nrpe";
const nodeClient = join(process.cwd(), "dist/check_happo.cjs");

/** The figures of one measurement; some ways have no latency. */
type Figures = Partial<NagiosMeasured> & { wallMilliseconds?: number };

const columns: readonly [keyof Figures, string][] = [
	["perSecond", "checks/s"],
	["cpuMilliseconds", "CPU ms/check"],
	["agentMilliseconds", "agent's CPU ms"],
	["wallMilliseconds", "ms/check"],
	["latencyMilliseconds", "latency ms"],
	["longestMilliseconds", "longest ms"],
];

/** The servers that all ways of this section ask. */
interface Peers {
	agent: Server;
	nrpe: Server;
	broker: BenchBroker;
}

const plugin = basename(checkDummy.file);

/** An address of 127.0.0.0/8 for each host. */
const addressOf = (host: number) => `127.1.${host >> 8}.${host & 255}`;

/** The commands of one check by hand. */
const commands = ({ agent, nrpe, broker }: Peers) => ({
	check_nrpe: [
		checkNrpe,
		...["-H", "127.0.0.1", "-p", String(nrpe.port), "-c", nrpeCommand],
	],
	"native check_happo and broker": [
		...[checkHappoCommand, "monitor", "--broker", broker.socket],
		...["-H", "127.0.0.1", "-P", String(agent.port)],
		...["-p", plugin, "-o", checkDummy.option],
	],
	"check_happo on Node.js": [
		...[process.execPath, nodeClient, "monitor"],
		...["-H", "127.0.0.1", "-P", String(agent.port)],
		...["-p", plugin, "-o", checkDummy.option],
	],
});

/** Runs a command again and again, one after the other. */
async function byHand(
	{ tools, signal }: Scene,
	{ agent, nrpe, broker }: Peers,
	command: readonly string[],
	seconds: number,
): Promise<Figures> {
	const [file = "", ...args] = command;
	const { status, stdout } = spawnSync(file, args, { encoding: "utf8" });
	if (status !== 0) throw new Error(`${command.join(" ")}: ${stdout}`);
	const agents = () => cpuOfTree(agent.pid) + cpuOfTree(nrpe.pid);
	const before = { broker: cpuOfTree(broker.pid), agents: agents() };
	const floor = await run(tools.floor, ["1", String(seconds), ...command], {
		signal,
	});
	const ran = JSON.parse(floor.stdout) as Measured;
	const ofBroker = cpuOfTree(broker.pid) - before.broker;
	const each = (cpuSeconds: number) => (1000 * cpuSeconds) / ran.answers;
	return {
		perSecond: ran.answers / ran.seconds,
		cpuMilliseconds: each(ran.cpuSeconds + ofBroker),
		agentMilliseconds: each(agents() - before.agents),
		wallMilliseconds: each(ran.seconds),
	};
}

/** How many services Nagios has, and how often each is due: 50 checks a second in both cases. */
const loads = [
	{ services: 150, hosts: 50, intervalSeconds: 3 },
	{ services: 500, hosts: 500, intervalSeconds: 10 },
] as const;
const duePerSecond = 50;
/** Hosts of the second load. */
const keptHosts = 500;

/** The three ways in which Nagios runs its checks. */
function nagiosWays(
	{ agent, nrpe, broker }: Peers,
	load: (typeof loads)[number],
): Record<string, NagiosSetup> {
	const { services, hosts, intervalSeconds } = load;
	const options: NagiosSetup["options"] = {
		hosts: Array.from({ length: hosts }, (_, host) => ({
			name: `host${host}`,
			address: addressOf(host),
		})),
		interval: intervalSeconds,
		isSpread: true,
		commands: {
			check_nrpe: `${checkNrpe} -H '$HOSTADDRESS$' -p ${nrpe.port} -t 50 -c ${nrpeCommand}`,
		},
		settings: {
			// Debian's values
			status_update_interval: 10,
			check_result_reaper_frequency: 10,
			retain_state_information: 0,
			process_performance_data: 0,
		},
		environment: { HAPPO_BROKER: broker.socket },
	};
	const setupFor = (
		command: string,
	): Pick<NagiosSetup, "services" | "options"> => ({
		services: Array.from({ length: services }, (_, service) => ({
			description: `service${service}`,
			host: `host${service % hosts}`,
			command,
		})),
		options,
	});
	const ours = setupFor(
		`check_happo_port!${agent.port}!${plugin}!${checkDummy.option}`,
	);
	return {
		check_nrpe: {
			...setupFor("check_nrpe"),
			agents: [nrpe.pid],
		},
		"native check_happo and broker": {
			...ours,
			broker: broker.pid,
			agents: [agent.pid],
		},
		"Nagios worker and broker": {
			...ours,
			workerOf: broker.socket,
			broker: broker.pid,
			agents: [agent.pid],
		},
	};
}

/** Measures the ways in turn; no warm-up, because each starts a Nagios of its own. */
async function nagiosRounds(
	scene: Scene,
	ways: Record<string, NagiosSetup>,
): Promise<Record<string, NagiosMeasured[]>> {
	const { plan, progress, signal } = scene;
	const measured: Record<string, NagiosMeasured[]> = {};
	for (let round = 1; round <= plan.nagiosRounds; round++) {
		progress(`nagios, round ${round} of ${plan.nagiosRounds}`);
		const order = Object.entries(ways);
		for (const [name, setup] of round % 2 === 0 ? order.toReversed() : order) {
			signal.throwIfAborted();
			measured[name] ??= [];
			measured[name].push(
				await measureNagios(scene, setup, plan.nagiosSeconds),
			);
		}
	}
	return measured;
}

/** What a check costs the monitoring server: beside check_nrpe, by hand and by Nagios. */
export async function benchMonitoringServer(scene: Scene): Promise<Section> {
	const missing = missingNagios ?? nativeClientMissing();
	if (missing !== undefined) throw new Error(missing);
	const everywhere = "0.0.0.0";
	const peers: Peers = {
		agent: await startAgent(scene, "agent-checked-by-nagios", {
			addresses: everywhere,
		}),
		nrpe: await startNrpe(scene, checkDummy, {
			...{ name: "nrpe-by-nagios", addresses: everywhere },
		}),
		broker: await startBroker(scene, "broker"),
	};
	const hand = await inRounds(
		scene,
		Object.fromEntries(
			Object.entries(commands(peers)).map(([name, command]) => [
				name,
				(seconds: number) => byHand(scene, peers, command, seconds),
			]),
		),
	);
	const nagios: {
		services: number;
		hosts: number;
		measured: Record<string, Figures[]>;
	}[] = [];
	for (const load of loads)
		nagios.push({
			...load,
			measured: await nagiosRounds(scene, nagiosWays(peers, load)),
		});
	for (const server of Object.values(peers)) await server.stop();

	const figure = (rounds: readonly Figures[] | undefined, key: keyof Figures) =>
		(rounds ?? []).map((round) => round[key] ?? Number.NaN);
	const beside = (
		measured: Record<string, Figures[]>,
		ours: string,
		key: keyof Figures,
		others = "check_nrpe",
	) => ratios(figure(measured[ours], key), figure(measured[others], key));
	const tables = [
		{ at: "by hand", measured: hand as Record<string, Figures[]> },
		...nagios.map(({ services, measured }) => ({
			at: `Nagios, ${services} services`,
			measured,
		})),
	];
	const native = "native check_happo and broker";
	const worker = "Nagios worker and broker";
	return {
		title: "Monitoring server",
		notes: [
			`check_dummy on one agent, and on one NRPE, which are many hosts by addresses of 127.0.0.0/8; nobody verifies certificates`,
			`CPU of all processes on the monitoring server: Nagios, its workers, clients, the broker; that of the agent with the plugin beside it`,
			`by hand: one check after the other, started by a C loop with posix_spawn`,
			`Nagios: ${duePerSecond} checks a second are due, 3,000 a minute; latency is Nagios' own, the time from when a check was due to its start`,
			`memory of the broker: at the end of each measurement with ${keptHosts} hosts, a connection to each kept`,
		],
		columns: columns.map(([, title]) => title),
		rows: tables.flatMap(({ at, measured }) =>
			Object.entries(measured).map(([name, rounds]) => ({
				name: `${at}: ${name}`,
				cells: columns.map(([key]) =>
					rounds[0] && key in rounds[0]
						? summary(figure(rounds, key))
						: undefined,
				),
			})),
		),
		verdicts: [
			...nagios.flatMap(({ services, measured }) => [
				{
					what: `CPU per check, Nagios worker, ${services} services, times check_nrpe's`,
					figure: beside(measured, worker, "cpuMilliseconds"),
					target: { is: "at most", value: 0.2, stretch: 0.12 } as const,
				},
				{
					what: `CPU per check, native client, ${services} services, times check_nrpe's`,
					figure: beside(measured, native, "cpuMilliseconds"),
				},
			]),
			{
				what: "CPU per check, native client by hand, times check_nrpe's",
				figure: beside(hand, native, "cpuMilliseconds"),
				target: { is: "at most", value: 0.35, stretch: 0.2 },
			},
			{
				what: "wall time of a check, native client, times check_nrpe's",
				figure: beside(hand, native, "wallMilliseconds"),
				target: { is: "at most", value: 0.1, stretch: 0.06 },
			},
			...nagios.flatMap(({ services, measured }) => [
				{
					what: `checks a second of ${duePerSecond} due, Nagios worker, ${services} services`,
					figure: summary(figure(measured[worker], "perSecond")),
					target: { is: "at least", value: 0.98 * duePerSecond } as const,
				},
				{
					what: `latency, Nagios worker, ${services} services, times check_nrpe's`,
					figure: beside(measured, worker, "latencyMilliseconds"),
					target: { is: "at most", value: 1, stretch: 0.5 } as const,
				},
			]),
			...nagios
				.filter(({ hosts }) => hosts === keptHosts)
				.map(({ measured }) => ({
					what: `resident memory of the broker with ${keptHosts} hosts kept, MiB`,
					figure: summary([
						...figure(measured[native], "brokerMebibytes"),
						...figure(measured[worker], "brokerMebibytes"),
					]),
					target: { is: "at most", value: 130, stretch: 110 } as const,
				})),
			{
				what: "agent's CPU per check, through the broker, times without it",
				figure: beside(
					hand,
					native,
					"agentMilliseconds",
					"check_happo on Node.js",
				),
				target: { is: "at most", value: 1 },
			},
		],
	};
}
