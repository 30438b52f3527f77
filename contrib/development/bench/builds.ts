import { startAgent } from "./agent.ts";
import { type Measured, measure } from "./load.ts";
import { figureOf, loadColumns, loadRows } from "./load-table.ts";
import { checkDummy, checkOf } from "./plugins.ts";
import { relayed } from "./relay.ts";
import { requestFile } from "./request-file.ts";
import { inRounds } from "./rounds.ts";
import type { Scene } from "./scene.ts";
import type { Section } from "./section.ts";
import type { Server } from "./server.ts";
import { type Summary, summary } from "./summary.ts";

/** Number of pairs of measurements; the confidence interval below depends on it. */
export const pairs = 15;

/** The fourth and the twelfth of fifteen values enclose their median with a probability of 96 %. */
const enclosing = { from: 3, to: 11 };

/** The median of the pairs' ratios, and its 95 % confidence interval. */
export function medianRatio(
	ours: readonly number[],
	others: readonly number[],
): Summary {
	const ratios = ours
		.map((value, pair) => value / (others[pair] ?? Number.NaN))
		.sort((a, b) => a - b);
	return {
		median: summary(ratios).median,
		min: ratios[enclosing.from] ?? Number.NaN,
		max: ratios[enclosing.to] ?? Number.NaN,
	};
}

/**
 * Compares the CPU of a check and of a relayed request in this build with another build,
 * `scene.against`, to decide whether simpler code is worth its cost.
 */
export async function benchBuilds(scene: Scene): Promise<Section> {
	const { against } = scene;
	if (against === undefined)
		throw new Error("builds: --against FILE, the program of another build");
	const edge = await startAgent(scene, "builds-edge");
	const agents: Record<string, Server> = {
		"this build": await startAgent(scene, "this-build"),
		"the other": await startAgent(scene, "other-build", { file: against }),
	};
	const check = checkOf(checkDummy);
	const loads = {
		"check, kept connections, 8": {
			file: await requestFile(scene, "builds-check", check),
			kept: true,
		},
		"check, new connections, 8": {
			file: await requestFile(scene, "builds-close", { ...check, close: true }),
		},
		"relayed, kept connections, 8": {
			file: await requestFile(scene, "builds-relay", relayed(edge)),
			kept: true,
		},
	};
	const contenders: Record<string, (seconds: number) => Promise<Measured>> = {};
	for (const [what, load] of Object.entries(loads))
		for (const [build, agent] of Object.entries(agents))
			contenders[`${what}, ${build}`] = (seconds) =>
				measure(scene, agent, { connections: 8, seconds, ...load });
	const measured = await inRounds(scene, contenders, pairs);
	for (const server of [...Object.values(agents), edge]) await server.stop();

	return {
		title: "Two builds",
		notes: [
			`${pairs} pairs of measurements; in brackets behind a ratio the 95 % interval of its median`,
			"CPU of the agent, the plugin and all processes between them; of a relayed request that of the bastion",
		],
		columns: loadColumns("request"),
		rows: loadRows(measured),
		verdicts: Object.keys(loads).flatMap((what) => {
			const cpu = (build: string) =>
				figureOf(measured[`${what}, ${build}`], "cpuMilliseconds");
			const figure = medianRatio(cpu("this build"), cpu("the other"));
			const { max } = figure;
			return [
				{ what: `CPU, ${what}, times the other's`, figure },
				{
					what: "  upper end of the interval",
					figure: { median: max, min: max, max },
					target: { is: "at most", value: 1.05 } as const,
				},
			];
		}),
	};
}
