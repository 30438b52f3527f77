import { readFileSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "../../../test/support/free-port.ts";
import { post, send } from "../../../test/support/https.ts";
import { parseKilobytes } from "../soak/process-figures.ts";
import { startAgent } from "./agent.ts";
import { medianRatio, pairs } from "./builds.ts";
import { type Measured, measure } from "./load.ts";
import { figureOf, loadColumns, loadRows } from "./load-table.ts";
import { requestFile } from "./request-file.ts";
import { inRounds } from "./rounds.ts";
import type { Scene } from "./scene.ts";
import type { Section } from "./section.ts";
import { type Server, startServer } from "./server.ts";
import { summary } from "./summary.ts";

/** Different checks, each with seven series of its own and three of performance data. */
const checks = 200;

/** How often each of them runs. */
const runs = 5;

/** An agent returns memory after ten idle seconds. */
const restMilliseconds = 15_000;

/** Writes the plugins; returns their directory. */
async function writePlugins({ directory }: Scene): Promise<string> {
	const folder = join(directory, "many-plugins");
	await mkdir(folder);
	for (let number = 0; number < checks; number++) {
		const file = join(folder, `check_${number}`);
		await writeFile(
			file,
			`#!/bin/sh\necho "OK - ${number} of ${checks} | used=${number}.5MB time=0.0${number}s '/var/lib'=5%"\n`,
		);
		await chmod(file, 0o755);
	}
	return folder;
}

/** Runs all checks, a few at once. */
async function runChecks({ port }: Server, nameOf: (run: number) => string) {
	let run = 0;
	const inTurn = async () => {
		while (run < checks * runs)
			await post(port, "/monitor", { plugin_name: nameOf(run++) });
	};
	await Promise.all(Array.from({ length: 8 }, inTurn));
}

/** Starts prom-client, which is in a folder, with the series of the agent's page. */
async function startPromClient(
	scene: Scene,
	folder: string,
	page: string,
): Promise<Server> {
	const { keyPair, directory } = scene;
	const file = join(directory, "page.txt");
	await writeFile(file, page);
	const port = await freePort();
	return startServer(scene.t, port, [
		process.execPath,
		join(process.cwd(), "build/bench/peers/prom-client.js"),
		...[String(port), keyPair["public-key"], keyPair["private-key"]],
		...[folder, file],
	]);
}

const residentMiB = ({ pid }: Server) =>
	parseKilobytes(readFileSync(`/proc/${pid}/status`, "utf8"), "VmRSS") / 1024;

/** Resident memory after the same number of checks: of one plugin, and of many. */
async function benchResults(scene: Scene, plugins: string) {
	const held: Record<"one" | "many", number[]> = { one: [], many: [] };
	const flags = ["--nagios-plugin-paths", plugins];
	for (let round = 1; round <= scene.plan.memoryRounds; round++) {
		scene.progress(`memory, round ${round} of ${scene.plan.memoryRounds}`);
		for (const [what, nameOf] of [
			["one", () => "check_0"],
			["many", (run: number) => `check_${run % checks}`],
		] as const) {
			const agent = await startAgent(scene, `${what}-${round}`, { flags });
			await runChecks(agent, nameOf);
			await pause(restMilliseconds, undefined, { signal: scene.signal });
			held[what].push(residentMiB(agent));
			await agent.stop();
		}
	}
	return summary(held.many.map((many, at) => many - (held.one[at] ?? 0)));
}

/**
 * What the last results of checks cost: memory, and a scrape beside prom-client, if
 * `scene.promClient` has it.
 */
export async function benchScrape(scene: Scene): Promise<Section> {
	const { promClient } = scene;
	const plugins = await writePlugins(scene);
	const memory = await benchResults(scene, plugins);
	const flags = ["--nagios-plugin-paths", plugins];
	const agent = await startAgent(scene, "agent-scraped", { flags });
	await runChecks(agent, (run) => `check_${run % checks}`);
	const { text } = await send({ port: agent.port, path: "/metrics" });
	const series = text.match(/^\w.* \S+$/gm)?.length ?? 0;
	const peer =
		promClient === undefined
			? undefined
			: await startPromClient(scene, promClient, text);
	const load = {
		file: await requestFile(scene, "scrape", { path: "/metrics" }),
		connections: 1,
		kept: true,
	};
	const contenders: Record<string, (seconds: number) => Promise<Measured>> = {
		agent: (seconds) => measure(scene, agent, { ...load, seconds }),
		...(peer && {
			"prom-client": (seconds) => measure(scene, peer, { ...load, seconds }),
		}),
	};
	const measured = await inRounds(scene, contenders, pairs);
	await agent.stop();
	await peer?.stop();
	const cpu = (name: string) => figureOf(measured[name], "cpuMilliseconds");
	return {
		title: "Last results of checks",
		notes: [
			`${checks} plugins; ${series} series on the page, over TLS on a kept connection`,
			peer
				? `${pairs} pairs of measurements; in brackets behind a ratio the 95 % interval of its median`
				: "without prom-client: --prom-client FOLDER, into which npm has installed it",
		],
		columns: loadColumns("scrape"),
		rows: loadRows(measured),
		verdicts: [
			...(peer
				? [
						{
							what: "CPU of a scrape, times prom-client's with the same series",
							figure: medianRatio(cpu("agent"), cpu("prom-client")),
							target: { is: "at most", value: 1 } as const,
						},
					]
				: []),
			{
				what: `resident after ${checks * runs} checks of ${checks} plugins, more than of one, MiB`,
				figure: memory,
				target: { is: "at most", value: 3 },
			},
		],
	};
}
