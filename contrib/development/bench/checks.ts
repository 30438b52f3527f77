import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { pluginOf, startAgent } from "./agent.ts";
import { type Measured, measure } from "./load.ts";
import { nrpeQuery, startNrpe } from "./nrpe.ts";
import { requestFile } from "./request-file.ts";
import { inRounds } from "./rounds.ts";
import type { Scene } from "./scene.ts";
import type { Section } from "./section.ts";
import { ratios, summary } from "./summary.ts";

const run = promisify(execFile);

/** What a contender came to in one round; the floor has no answers to wait for. */
type Figures = Pick<Measured, "perSecond" | "cpuMilliseconds"> &
	Partial<Pick<Measured, "p50" | "p99" | "generatorPercent">>;

const atOnce = [1, 8, 64] as const;

/** The plugin started and waited for in C, without anything around it. */
async function floor({ tools, signal }: Scene, many: number, seconds: number) {
	const { stdout } = await run(
		tools.floor,
		[String(many), String(seconds), tools.plugin],
		{ signal },
	);
	const ran = JSON.parse(stdout) as Measured;
	return {
		perSecond: ran.answers / ran.seconds,
		cpuMilliseconds: (1000 * ran.cpuSeconds) / ran.answers,
	};
}

/** Checks of a plugin that does nothing: by the agent, by NRPE, and by nobody. */
export async function benchChecks(scene: Scene): Promise<Section> {
	const agent = await startAgent(scene, "agent-checks");
	const nrpe = await startNrpe(scene);
	const check = {
		path: "/monitor",
		body: { plugin_name: pluginOf(scene), plugin_option: "" },
	};
	const onKept = await requestFile(scene, "check", check);
	const onNew = await requestFile(scene, "check-close", {
		...check,
		close: true,
	});
	const query = join(scene.directory, "nrpe.request");
	await writeFile(query, nrpeQuery());

	const contenders: Record<string, (seconds: number) => Promise<Figures>> = {};
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
			floor(scene, connections, seconds);
	}
	const measured = await inRounds(scene, contenders);
	await agent.stop();
	await nrpe.stop();

	const of = (name: string, figure: keyof Figures) =>
		(measured[name] ?? []).map((round) => round[figure] ?? Number.NaN);
	const ratio = (figure: keyof Figures, ours: string, others: string) =>
		ratios(of(ours, figure), of(others, figure));
	return {
		title: "Checks",
		notes: [
			"a static C program that says OK; the floor is posix_spawn and wait of it in a loop of C",
			"load: our generator in C (OpenSSL, one thread), the same for NRPE; no TLS session is resumed",
			"CPU of the server, the plugin and all processes between them",
		],
		columns: ["checks/s", "CPU ms/check", "p50 ms", "p99 ms", "generator %"],
		rows: Object.keys(contenders)
			.toSorted()
			.map((name) => ({
				name,
				cells: (
					[
						"perSecond",
						"cpuMilliseconds",
						"p50",
						"p99",
						"generatorPercent",
					] as const
				).map((figure) =>
					figure in (measured[name]?.[0] ?? {})
						? summary(of(name, figure))
						: undefined,
				),
			})),
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
