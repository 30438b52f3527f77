import { fork, spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { keyPin } from "../../../src/protocol/pin.ts";
import { eventually } from "../../../test/support/eventually.ts";
import { freePort } from "../../../test/support/free-port.ts";
import { killProcess } from "../../../test/support/kill-process.ts";
import { startStubStore } from "../../../test/support/stub-store.ts";
import { addressOf } from "../fleet/values.ts";
import { cpuOf, residentOf } from "../soak/process-figures.ts";
import type { Scene } from "./scene.ts";
import type { Section } from "./section.ts";
import { summary } from "./summary.ts";

/**
 * Simulated agents with one value each, and seconds between two passes. The simulation has to keep up with
 * new connections to the few.
 */
const fleet = { few: 100, many: 500, intervalSeconds: 5 };

/** Seconds of one measurement for each second of others, as the passes come in waves. */
const stretch = 5;

/** How many passes a collector has begun; all hosts must answer. */
async function passesOf(port: number): Promise<number> {
	const answer = await fetch(`http://127.0.0.1:${port}/status`);
	const { passes, hosts } = (await answer.json()) as {
		passes: { due: number };
		hosts: { answering: number; failing: Record<string, number> };
	};
	const failing = Object.values(hosts.failing).reduce((a, b) => a + b, 0);
	if (failing > 0)
		throw new Error(`${failing} hosts fail: ${JSON.stringify(hosts.failing)}`);
	return passes.due;
}

/**
 * What a connection to an agent costs the collector: the memory of one that is kept, and the CPU of
 * a new one in each pass, whose TLS session is resumed or, for known hosts, is not.
 */
export async function benchCollectorConnections(
	scene: Scene,
): Promise<Section> {
	const { t, directory, keyPair, plan, signal, progress } = scene;
	const store = await startStubStore(t);
	const port = await freePort();
	const simulator = fork(
		"build/fleet/simulated-agents.js",
		[
			...[port, keyPair["public-key"], keyPair["private-key"]],
			...[join(directory, "connections-journal"), 1, fleet.many, 1],
			...[fleet.intervalSeconds, 0],
		].map(String),
	);
	t.after(() => simulator.kill("SIGKILL"));
	await once(simulator, "message");
	const targets = Array.from(
		{ length: fleet.many },
		(_, index) => `${addressOf(index + 1)}:${port}`,
	);
	const listOf = async (agents: number) => {
		const file = join(directory, `${agents}.json`);
		const list = [{ targets: targets.slice(0, agents) }];
		await writeFile(file, JSON.stringify(list));
		return file;
	};
	const pin = keyPin(
		new X509Certificate(await readFile(keyPair["public-key"])),
	);
	const known = join(directory, "known_hosts");
	await writeFile(
		known,
		targets.map((target) => `${target} ${pin}\n`).join(""),
	);

	const measured = async (
		name: string,
		agents: number,
		flags: readonly string[],
	) => {
		const hosts = await listOf(agents);
		const listen = await freePort();
		const child = spawn(
			process.execPath,
			[
				...["dist/happo-collector.js", "run", "--hosts", hosts],
				...["--write", store.url.href, "--ack-after", "0"],
				...["--interval", String(fleet.intervalSeconds)],
				...["--listen", `127.0.0.1:${listen}`, ...flags],
				...["--quarantine", join(directory, "connections-quarantine")],
				...["-l", join(directory, "connections.log")],
			],
			{ stdio: "ignore" },
		);
		t.after(() => killProcess(child));
		const pid = child.pid ?? 0;
		await eventually(
			"each agent has been asked",
			() =>
				passesOf(listen).then(
					(passes) => passes >= 2 * agents,
					() => false,
				),
			60_000,
		);
		await pause(plan.warmUpSeconds * stretch * 1_000, undefined, { signal });
		const [cpu, memory]: [number[], number[]] = [[], []];
		for (let round = 0; round < plan.rounds; round++) {
			const [passes, used] = [await passesOf(listen), cpuOf(pid).own];
			await pause(plan.seconds * stretch * 1_000, undefined, { signal });
			const done = (await passesOf(listen)) - passes;
			cpu.push((1e3 * (cpuOf(pid).own - used)) / done);
			memory.push(residentOf(pid).now);
			progress(`${name}: ${done} passes, ${cpu.at(-1)?.toFixed(2)} ms each`);
		}
		await killProcess(child);
		return { name, cpu, memory };
	};
	const { few, many } = fleet;
	const fresh = ["--max-connections", "0"];
	const kept = await measured("kept", few, ["--insecure"]);
	const keptMany = await measured("kept, many", many, ["--insecure"]);
	const resumed = await measured("new, sessions resumed", few, [
		...["--insecure", ...fresh],
	]);
	const pinned = await measured("new, known hosts", few, [
		...["--known-hosts", known, ...fresh],
	]);
	const all = [kept, keptMany, resumed, pinned];
	const middle = (values: readonly number[]) => summary(values).median;
	const more = ({ cpu }: typeof kept) =>
		summary([middle(cpu) - middle(kept.cpu)]);
	return {
		title: "Collector: what a connection costs",
		notes: [
			`${few} or ${many} simulated agents with one value each, asked every ${fleet.intervalSeconds} seconds; a pass leases and acknowledges`,
		],
		columns: ["ms of CPU a pass", "KiB resident"],
		rows: all.map(({ name, cpu, memory }) => ({
			name,
			cells: [summary(cpu), summary(memory)],
		})),
		verdicts: [
			{
				what: "KiB for each host with a connection that is kept",
				figure: summary([
					(middle(keptMany.memory) - middle(kept.memory)) / (many - few),
				]),
			},
			{ what: "ms for a new one, session resumed", figure: more(resumed) },
			{ what: "ms for a new one, known host", figure: more(pinned) },
		],
	};
}
