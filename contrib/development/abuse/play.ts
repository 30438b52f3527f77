import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once, setMaxListeners } from "node:events";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { writeTestKeyPair } from "../../../test/support/agent.ts";
import { startProgram } from "../../../test/support/daemon.ts";
import { eventually } from "../../../test/support/eventually.ts";
import { freePort } from "../../../test/support/free-port.ts";
import { send } from "../../../test/support/https.ts";
import { createScope, type Scope } from "../../../test/support/scope.ts";
import { temporaryDirectory } from "../../../test/support/temporary.ts";
import { cpuOf, residentOf } from "../soak/process-figures.ts";
import {
	type Holdings,
	limits,
	type OtherClientReport,
	type Played,
} from "./judgement.ts";
import { writePlugins } from "./plugins.ts";
import type { Attack, AttackerRequest, Scenario } from "./scenario.ts";
import { createTally } from "./tally.ts";
import { openWire, type Wire } from "./wires.ts";

/** Environment variable that marks an agent and its plugins, with a unique value for each agent. */
const marker = "ABUSE_CAMPAIGN_MARK";

/** An agent of the tested build. */
export interface StartedAgent {
	port: number;
	pid: number;
	directory: string;
	plugins: string;
	/** How it ended; undefined while it runs. */
	death(): string | undefined;
	/** The present number of its plugins' processes. */
	processes(): number[];
	log: string;
}

/** Starts an agent with default settings, which every loopback address may use. */
export async function startAgent(
	scope: Scope,
	program: string,
	flags: (plugins: string) => readonly string[] = () => [],
): Promise<StartedAgent> {
	const directory = await temporaryDirectory(scope);
	const plugins = await writePlugins(directory);
	const pair = await writeTestKeyPair(directory);
	const port = await freePort();
	const mark = randomUUID();
	const own = flags(plugins);
	const started = startProgram(
		scope,
		[
			"daemon",
			...["--listen-address", "127.0.0.1", "-P", String(port)],
			...["-B", pair["public-key"], "-R", pair["private-key"]],
			...(own.includes("-A") ? [] : ["-A", "127.0.0.0/8"]),
			...["--nagios-plugin-paths", plugins, "--sensu-plugin-paths", plugins],
			...own,
		],
		{ directory, program, environment: { [marker]: mark } },
	);
	const pid = started.process.pid ?? 0;
	let death: string | undefined;
	void started.exited.then(({ code, signal, stderr }) => {
		const why = /FATAL ERROR: [^\n]*/.exec(stderr)?.[0] ?? "";
		death = `${code ?? signal} ${why}`.trim();
	});
	const processes = () => processesOf(mark).filter((id) => id !== pid);
	scope.after(async () => {
		started.process.kill("SIGTERM");
		await Promise.race([
			started.exited,
			pause(15_000, undefined, { ref: false }),
		]);
		for (const id of processes()) endProcess(id);
	});
	await eventually("the agent answers", () => {
		if (death !== undefined)
			throw new Error(`the agent ended: ${death} ${started.stderr()}`);
		return send({ port, localAddress: "127.0.0.9" }).then(
			() => true,
			() => false,
		);
	});
	return {
		...{ port, pid, directory, plugins, processes },
		death: () => death,
		log: join(directory, "happo-agent.log"),
	};
}

function endProcess(id: number) {
	try {
		process.kill(id, "SIGKILL");
	} catch {
		// it has ended by itself
	}
}

function processesOf(mark: string): number[] {
	return readdirSync("/proc")
		.filter((name) => /^\d+$/.test(name))
		.filter((id) => {
			try {
				return readFileSync(`/proc/${id}/environ`, "latin1").includes(mark);
			} catch {
				return false;
			}
		})
		.map(Number);
}

/** Zeros if the process has ended. */
function holdingsOf({ pid, processes }: StartedAgent): Holdings {
	try {
		return {
			residentMebibytes: residentOf(pid).now / 1024,
			descriptors: readdirSync(`/proc/${pid}/fd`).length,
			processes: processes().length,
		};
	} catch {
		return { residentMebibytes: 0, descriptors: 0, processes: 0 };
	}
}

/** Measures an agent ten times a second, and its processes once a second. The kernel records its peak memory. */
function watch(agent: StartedAgent) {
	const peak = { mebibytes: 0, descriptors: 0, processes: 0 };
	const cpuBefore = cpuOf(agent.pid);
	let cpu = cpuBefore;
	let canReset = true;
	try {
		writeFileSync(`/proc/${agent.pid}/clear_refs`, "5");
	} catch {
		canReset = false;
	}
	let looks = 0;
	const look = () => {
		try {
			const { now, peak: most } = residentOf(agent.pid);
			const mebibytes = (canReset ? most : now) / 1024;
			// NaN if the process is a zombie
			if (mebibytes > peak.mebibytes) peak.mebibytes = mebibytes;
			cpu = cpuOf(agent.pid);
			if (looks++ % 10 !== 0) return;
			const { descriptors, processes } = holdingsOf(agent);
			peak.descriptors = Math.max(peak.descriptors, descriptors);
			peak.processes = Math.max(peak.processes, processes);
		} catch {
			// it has ended: keep the measurements so far
		}
	};
	look();
	const timer = setInterval(look, 100);
	return () => {
		look();
		clearInterval(timer);
		return {
			peak,
			cpuSeconds: {
				own: cpu.own - cpuBefore.own,
				children: cpu.children - cpuBefore.children,
			},
		};
	};
}

/** Starts the other client, which returns its measurements when it ends. */
async function startOtherClient(scope: Scope, port: number, control: number) {
	const child = fork(
		join(process.cwd(), "build/abuse/other-client.js"),
		[String(port), String(control)],
		{ stdio: ["ignore", "inherit", "inherit", "ipc"] },
	);
	scope.after(() => child.kill("SIGKILL"));
	await once(child, "message");
	return async (): Promise<OtherClientReport> => {
		const report = once(child, "message");
		child.send("stop");
		return ((await report) as [OtherClientReport])[0];
	};
}

/** The attacker's tools and connections during an attack. */
function createAttack(
	scope: Scope,
	agent: StartedAgent,
	program: string,
	over: AbortSignal,
) {
	const tally = createTally();
	const wires = new Set<Wire>();
	const steps: { at: number; name: string }[] = [];
	const attack: Attack = {
		...{ scope, tally, over },
		port: agent.port,
		directory: agent.directory,
		plugins: agent.plugins,
		step: (name) => steps.push({ at: Date.now(), name }),
		wire: (options = {}) => {
			const wire = openWire(
				{ port: agent.port, from: "127.0.0.2", ...options },
				...([tally, over] as const),
			);
			wires.add(wire);
			void wire.closed.then(() => wires.delete(wire));
			return wire;
		},
		ask: ({ path, body, from = "127.0.0.2" }: AttackerRequest) =>
			send({
				...{ port: agent.port, path, localAddress: from, signal: over },
				...(body !== undefined && {
					method: "POST",
					body:
						typeof body === "string" || Buffer.isBuffer(body)
							? body
							: JSON.stringify(body),
				}),
			}).then(
				({ status, text }) => {
					tally.count(String(status));
					return { status, text };
				},
				(error: NodeJS.ErrnoException) => {
					if (!over.aborted) tally.count(error.code ?? error.name);
					return undefined;
				},
			),
		hold: () =>
			new Promise((resolve) => {
				if (over.aborted) return resolve();
				over.addEventListener("abort", () => resolve(), { once: true });
			}),
		anotherAgent: async (flags = []) =>
			(await startAgent(scope, program, () => flags)).port,
		processes: () => agent.processes().length,
	};
	return {
		attack,
		/** The step of the attack at a time. */
		stepAt: (time: number) =>
			steps.findLast(({ at }) => at <= time)?.name ?? "",
		end() {
			for (const { socket, tcp } of wires) {
				socket.destroy();
				tcp.destroy();
			}
		},
	};
}

const sizeOf = (path: string) =>
	statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** Removes temporary paths, which do not belong into an outcome. */
const withoutDirectory = (text: string) =>
	text.replace(/[^\s"]*\/happo-agent-test-\w+\//g, "");

/** Waits until descriptors, processes and memory are back to normal, or the time is over. */
async function settle(
	agent: StartedAgent,
	before: Holdings,
	seconds: number,
): Promise<Holdings> {
	const deadline = performance.now() + seconds * 1000;
	for (;;) {
		const now = holdingsOf(agent);
		const isBack =
			now.descriptors <= before.descriptors + limits.descriptors &&
			now.processes <= before.processes &&
			now.residentMebibytes < before.residentMebibytes + 64;
		if (isBack || agent.death() !== undefined || performance.now() > deadline)
			return now;
		await pause(500);
	}
}

/** Plays one scenario against a new agent, and measures. */
export async function play(
	scenario: Scenario,
	given: { program: string; controlPort: number; signal: AbortSignal },
): Promise<Played> {
	const { program, controlPort, signal } = given;
	const { seconds = 15, settleSeconds = 8 } = scenario;
	const scope = createScope();
	const timeOver = new AbortController();
	const over = AbortSignal.any([timeOver.signal, signal]);
	// each connection and each wait adds a listener
	setMaxListeners(0, over);
	try {
		const agent = await startAgent(scope, program, scenario.flags);
		const { attack, stepAt, end } = createAttack(
			...([scope, agent, program] as const),
			over,
		);
		await scenario.prepare?.(attack);
		attack.tally.clear();
		const stopOther = await startOtherClient(scope, agent.port, controlPort);
		await pause(1000);
		const had = holdingsOf(agent);
		const { descriptors = 0, processes = 0 } = scenario.keeps ?? {};
		const before = {
			...had,
			descriptors: had.descriptors + descriptors,
			processes: had.processes + processes,
		};
		const logBefore = sizeOf(agent.log);
		const seen = watch(agent);
		let unmet: readonly string[] = [];
		const running = scenario.run(attack).then(
			(found) => {
				unmet = (found ?? []).map(withoutDirectory);
			},
			(error: Error) => {
				unmet = [`the scenario failed: ${error.message}`];
			},
		);
		await Promise.race([running, pause(seconds * 1000)]);
		timeOver.abort();
		end();
		await Promise.race([running, pause(5000)]);
		signal.throwIfAborted();
		attack.step("after the attack");
		const after = await settle(agent, before, settleSeconds);
		const other = await stopOther();
		const { peak, cpuSeconds } = seen();
		const worst =
			other.fresh.longest > other.kept.longest ? other.fresh : other.kept;
		return {
			...{ name: scenario.name, cpuSeconds, other, unmet, before, after, peak },
			peakMebibytes: peak.mebibytes,
			during: stepAt(worst.at),
			attacker: attack.tally.text(),
			death: agent.death(),
			logKibibytes: (sizeOf(agent.log) - logBefore) / 1024,
		};
	} finally {
		timeOver.abort();
		await scope.end();
	}
}
