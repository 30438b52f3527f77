import { Agent } from "node:https";
import { join } from "node:path";
import { send } from "../../../test/support/https.ts";
import { startAgent } from "./agent.ts";
import { batchOf } from "./batch.ts";
import { type LevelFigures, runLevel } from "./level.ts";
import { measure } from "./load.ts";
import { requestFile } from "./request-file.ts";
import { inRounds } from "./rounds.ts";
import type { Scene } from "./scene.ts";
import type { Section } from "./section.ts";
import type { Server } from "./server.ts";
import { ratios, summary } from "./summary.ts";

const sizes = [1, 200, 5000] as const;

/** Drains until there is nothing left, on one connection, so that each request confirms the answer before. */
async function drain({ port }: Server): Promise<number> {
	const agent = new Agent({ keepAlive: true, maxSockets: 1 });
	const begun = performance.now();
	try {
		for (;;) {
			const { status, body } = await send({
				...{ port, agent, method: "POST", path: "/metric" },
			});
			if (status !== 200) throw new Error(`POST /metric: ${status}`);
			if (body.subarray(0, 30).includes('"metric_data":null')) break;
		}
		return (performance.now() - begun) / 1000;
	} finally {
		agent.destroy();
	}
}

/** Appends for a while, then drains what was appended. */
async function appendAndDrain(
	scene: Scene,
	agent: Server,
	file: string,
	samples: number,
	connections: number,
	seconds: number,
): Promise<LevelFigures> {
	const load = { file, connections, kept: true, seconds };
	const { answers, perSecond } = await measure(scene, agent, load);
	const drained = await drain(agent);
	return {
		appendsPerSecond: perSecond,
		drainedPerSecond: (answers * samples) / drained,
	};
}

/** Samples in and out of the store, every write on disk before it is answered. */
export async function benchSamples(scene: Scene): Promise<Section> {
	const contenders: Record<string, (seconds: number) => Promise<LevelFigures>> =
		{};
	const agents: Server[] = [];
	const now = Math.floor(Date.now() / 1000);
	for (const samples of sizes) {
		const agent = await startAgent(scene, `agent-append-${samples}`);
		agents.push(agent);
		const file = await requestFile(scene, `append-${samples}`, {
			path: "/metric/append",
			body: { metric_data: batchOf(samples, now) },
		});
		contenders[`agent, ${samples}`] = (seconds) =>
			appendAndDrain(scene, agent, file, samples, 1, seconds);
		contenders[`agent, ${samples}, 8 at once`] = (seconds) =>
			appendAndDrain(scene, agent, file, samples, 8, seconds);
		for (const options of ["ours", "plain"] as const) {
			const directory = join(scene.directory, `level-${samples}-${options}`);
			const whose = options === "ours" ? "the agent's" : "its own";
			contenders[`LevelDB with ${whose} options, ${samples}`] = (seconds) =>
				runLevel(scene, { directory, options, samples, seconds });
		}
	}
	const measured = await inRounds(scene, contenders);
	for (const agent of agents) await agent.stop();

	const of = (name: string, figure: keyof LevelFigures) =>
		(measured[name] ?? []).map((round) => round[figure]);
	const times = (values: readonly number[], factor: number) =>
		summary(values.map((value) => value * factor));
	return {
		title: "Samples in and out of the store",
		notes: [
			"every append on disk (fdatasync) before its answer, the next one after the answer; then drained, 8 MiB a request",
			"LevelDB: classic-level in a loop, one synced put of the same bytes after the other; then read and deleted, 8 MiB a batch",
			"load: our generator in C; drained by node:https",
		],
		columns: ["appends/s", "samples/s appended", "samples/s drained"],
		rows: sizes.flatMap((samples) =>
			Object.keys(contenders)
				.filter((name) => name.split(", ")[1] === String(samples))
				.map((name) => ({
					name,
					cells: [
						summary(of(name, "appendsPerSecond")),
						times(of(name, "appendsPerSecond"), samples),
						summary(of(name, "drainedPerSecond")),
					],
				})),
		),
		verdicts: sizes.flatMap((samples) => {
			const ratio = (figure: keyof LevelFigures, whose: string) =>
				ratios(
					of(`agent, ${samples}`, figure),
					of(`LevelDB with ${whose} options, ${samples}`, figure),
				);
			return [
				{
					what: `appends/s of ${samples}, of LevelDB's with its own options`,
					figure: ratio("appendsPerSecond", "its own"),
					...(samples === 200 && {
						target: { is: "at least", value: 0.7, stretch: 0.9 } as const,
					}),
				},
				{
					what: `appends/s of ${samples}, of LevelDB's with the agent's options`,
					figure: ratio("appendsPerSecond", "the agent's"),
				},
				{
					what: `drained/s in batches of ${samples}, of LevelDB's with the agent's options`,
					figure: ratio("drainedPerSecond", "the agent's"),
				},
			];
		}),
	};
}
