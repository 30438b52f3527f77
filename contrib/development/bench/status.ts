import { join } from "node:path";
import { agentDirectory, startAgent } from "./agent.ts";
import { writeWeek } from "./level.ts";
import { type Measured, measure } from "./load.ts";
import { requestFile } from "./request-file.ts";
import { inRounds } from "./rounds.ts";
import type { Scene } from "./scene.ts";
import type { Section } from "./section.ts";
import { ratios, summary } from "./summary.ts";

/** A week of a collection of 200 metrics; one minute less than retention keeps. */
const week = { minutes: 7 * 24 * 60 - 1, samples: 200 };

/** Latency of `/status` with an empty store and with a week of metrics. */
export async function benchStatus(scene: Scene): Promise<Section> {
	const full = await agentDirectory(scene, "agent-week");
	scene.progress("writing a week of metrics");
	await writeWeek(scene, join(full, "db"), week);
	const agents = {
		empty: await startAgent(scene, "agent-empty"),
		week: await startAgent(scene, "agent-week"),
	};
	const file = await requestFile(scene, "status", { path: "/status" });
	const load = {
		file,
		connections: 1,
		kept: true,
		perSecond: 10,
	};
	const measured = await inRounds(scene, {
		"empty store": (seconds) =>
			measure(scene, agents.empty, { ...load, seconds }),
		"a week of metrics": (seconds) =>
			measure(scene, agents.week, { ...load, seconds }),
	});
	for (const agent of Object.values(agents)) await agent.stop();

	const of = (rounds: Measured[], figure: keyof Measured) =>
		rounds.map((round) => Number(round[figure]));
	return {
		title: "GET /status",
		notes: [
			`${week.minutes.toLocaleString("en")} minutes of ${week.samples} metrics; 10 requests a second at fixed times`,
		],
		columns: ["p50 ms", "p99 ms", "CPU ms/request"],
		rows: Object.entries(measured).map(([name, rounds]) => ({
			name,
			cells: (["p50", "p99", "cpuMilliseconds"] as const).map((figure) =>
				summary(of(rounds, figure)),
			),
		})),
		verdicts: [
			{
				what: "p50 of /status with a week, times that of an empty store",
				figure: ratios(
					of(measured["a week of metrics"], "p50"),
					of(measured["empty store"], "p50"),
				),
			},
		],
	};
}
