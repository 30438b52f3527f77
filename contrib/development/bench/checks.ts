import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { startAgent } from "./agent.ts";
import { type Measured, measure } from "./load.ts";
import { type Figures, figureOf, loadColumns, loadRows } from "./load-table.ts";
import { nrpeQuery, startNrpe } from "./nrpe.ts";
import {
	type BenchPlugin,
	checkDummy,
	checkOf,
	minimalPlugin,
} from "./plugins.ts";
import { requestFile } from "./request-file.ts";
import { inRounds } from "./rounds.ts";
import type { Scene } from "./scene.ts";
import type { Section } from "./section.ts";
import { ratios } from "./summary.ts";

const run = promisify(execFile);

const atOnce = [1, 8, 64] as const;

/** A C loop that starts the plugin and waits for it, and does nothing else. */
async function floor(
	{ tools, signal }: Scene,
	{ file, option }: BenchPlugin,
	many: number,
	seconds: number,
): Promise<Figures> {
	const { stdout } = await run(
		tools.floor,
		[String(many), String(seconds), file, ...(option ? [option] : [])],
		{ signal },
	);
	const ran = JSON.parse(stdout) as Measured;
	return {
		perSecond: ran.answers / ran.seconds,
		cpuMilliseconds: (1000 * ran.cpuSeconds) / ran.answers,
	};
}

/** Checks with a plugin that does nothing: by the agent, by NRPE, and by the bare C loop. */
export async function benchChecks(scene: Scene): Promise<Section> {
	const agent = await startAgent(scene, "agent-checks");
	const nrpe = await startNrpe(scene, checkDummy);
	const check = checkOf(checkDummy);
	const onKept = await requestFile(scene, "check", check);
	const onNew = await requestFile(scene, "check-close", {
		...check,
		close: true,
	});
	const minimal = await requestFile(
		scene,
		"check-minimal",
		checkOf(minimalPlugin(scene)),
	);
	const query = join(scene.directory, "nrpe.request");
	await writeFile(query, nrpeQuery());

	const contenders: Record<string, (seconds: number) => Promise<Figures>> = {
		"agent, kept connections, 8, minimal plugin": (seconds) =>
			measure(scene, agent, {
				connections: 8,
				seconds,
				file: minimal,
				kept: true,
			}),
		"floor, 8, minimal plugin": (seconds) =>
			floor(scene, minimalPlugin(scene), 8, seconds),
	};
	for (const connections of atOnce) {
		contenders[`agent, kept connections, ${connections}`] = (seconds) =>
			measure(scene, agent, { connections, seconds, file: onKept, kept: true });
		contenders[`agent, new connections, ${connections}`] = (seconds) =>
			measure(scene, agent, { connections, seconds, file: onNew });
		contenders[`NRPE, new connections, ${connections}`] = (seconds) =>
			measure(scene, nrpe, {
				connections,
				seconds,
				file: query,
				protocol: "nrpe",
			});
		contenders[`floor, ${connections}`] = (seconds) =>
			floor(scene, checkDummy, connections, seconds);
	}
	const measured = await inRounds(scene, contenders);
	await agent.stop();
	await nrpe.stop();

	const ratio = (figure: keyof Figures, ours: string, others: string) =>
		ratios(
			figureOf(measured[ours], figure),
			figureOf(measured[others], figure),
		);
	return {
		title: "Checks",
		notes: [
			"check_dummy of Debian's monitoring-plugins-basic; the minimal plugin is a static C program that says OK",
			"the floor is a C loop that runs the same command with posix_spawn and waits for it",
			"load: our generator in C (OpenSSL, one thread), the same for NRPE; no TLS session is resumed",
			"CPU of the server, the plugin and all processes between them",
		],
		columns: loadColumns("check"),
		rows: loadRows(measured),
		verdicts: [
			{
				what: "checks/s, kept, 8 at once, of the floor's",
				figure: ratio("perSecond", "agent, kept connections, 8", "floor, 8"),
				target: { is: "at least", value: 0.6, stretch: 0.75 },
			},
			{
				what: "CPU per check, kept, 8 at once, times the floor's",
				figure: ratio(
					"cpuMilliseconds",
					"agent, kept connections, 8",
					"floor, 8",
				),
				target: { is: "at most", value: 1.6, stretch: 1.35 },
			},
			{
				what: "checks/s, new, 8 at once, of the floor's",
				figure: ratio("perSecond", "agent, new connections, 8", "floor, 8"),
				target: { is: "at least", value: 0.4, stretch: 0.55 },
			},
			{
				what: "checks/s, kept, 8 at once, of the floor's, minimal plugin",
				figure: ratio(
					"perSecond",
					"agent, kept connections, 8, minimal plugin",
					"floor, 8, minimal plugin",
				),
			},
			{
				what: "CPU per check, kept, 8 at once, times the floor's, minimal plugin",
				figure: ratio(
					"cpuMilliseconds",
					"agent, kept connections, 8, minimal plugin",
					"floor, 8, minimal plugin",
				),
			},
			...atOnce.flatMap((many) => [
				{
					what: `checks/s, new, ${many} at once, of NRPE's`,
					figure: ratio(
						"perSecond",
						`agent, new connections, ${many}`,
						`NRPE, new connections, ${many}`,
					),
				},
				{
					what: `CPU per check, new, ${many} at once, times NRPE's`,
					figure: ratio(
						"cpuMilliseconds",
						`agent, new connections, ${many}`,
						`NRPE, new connections, ${many}`,
					),
				},
			]),
		],
	};
}
