import { Agent } from "node:https";
import { join } from "node:path";
import { send } from "../../../test/support/https.ts";
import { startAgent } from "./agent.ts";
import { batchOf } from "./batch.ts";
import { type LevelFigures, runLevel, runStore } from "./level.ts";
import { measure } from "./load.ts";
import { requestFile } from "./request-file.ts";
import { inRounds } from "./rounds.ts";
import type { Scene } from "./scene.ts";
import type { Section } from "./section.ts";
import type { Server } from "./server.ts";
import { ratios, summary } from "./summary.ts";

const sizes = [1, 200, 5000] as const;

/** Drains until nothing is left, on one connection, so that each request confirms the previous answer. */
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

/** Appends for some seconds, then drains the appended samples. */
async function appendAndDrain(
	scene: Scene,
	agent: Server,
	file: string,
	samples: number,
	connections: number,
	seconds: number,
): Promise<LevelFigures> {
	const load = { file, connections, kept: true, seconds };
	const measured = await measure(scene, agent, load);
	const { answers, perSecond, cpuMilliseconds } = measured;
	const drained = await drain(agent);
	return {
		appendsPerSecond: perSecond,
		cpuMilliseconds,
		drainedPerSecond: (answers * samples) / drained,
	};
}

/** Appends and drains of samples; every append is on disk before its answer. */
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
		for (const [many, atOnce] of [
			["", 1],
			[", 8 at once", 8],
		] as const) {
			contenders[`agent over HTTPS, ${samples}${many}`] = (seconds) =>
				appendAndDrain(scene, agent, file, samples, atOnce, seconds);
			const directory = join(scene.directory, `store-${samples}-${atOnce}`);
			contenders[`agent's store, ${samples}${many}`] = (seconds) =>
				runStore(scene, { directory, samples, atOnce, seconds });
		}
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
			"store: what the agent appends with once a request is read, in a process without a server: samples in, JSON on disk",
			"LevelDB: classic-level in a loop, one synced put of the same bytes after the other; then read and deleted, 8 MiB a batch",
			"load: our generator in C; drained by node:https",
		],
		columns: [
			"appends/s",
			"samples/s appended",
			"CPU ms an append",
			"samples/s drained",
		],
		rows: sizes.flatMap((samples) =>
			Object.keys(contenders)
				.filter((name) => name.split(", ")[1] === String(samples))
				.map((name) => ({
					name,
					cells: [
						summary(of(name, "appendsPerSecond")),
						times(of(name, "appendsPerSecond"), samples),
						summary(of(name, "cpuMilliseconds")),
						summary(of(name, "drainedPerSecond")),
					],
				})),
		),
		verdicts: sizes.flatMap((samples) => {
			const ratio = (
				figure: keyof LevelFigures,
				part: string,
				whose: string,
				many = "",
			) =>
				ratios(
					of(`${part}, ${samples}${many}`, figure),
					of(`LevelDB with ${whose} options, ${samples}`, figure),
				);
			const target = { is: "at least", value: 0.7, stretch: 0.9 } as const;
			const own = "of LevelDB's with its own options";
			return [
				{
					what: `store, appends/s of ${samples}, ${own}`,
					figure: ratio("appendsPerSecond", "agent's store", "its own"),
					...(samples === 200 && { target }),
				},
				{
					what: `store, appends/s of ${samples}, 8 at once, ${own}`,
					figure: ratio(
						"appendsPerSecond",
						"agent's store",
						"its own",
						", 8 at once",
					),
				},
				{
					what: `HTTPS, appends/s of ${samples}, ${own}`,
					figure: ratio("appendsPerSecond", "agent over HTTPS", "its own"),
				},
				{
					what: `store, appends/s of ${samples}, of LevelDB's with the agent's options`,
					figure: ratio("appendsPerSecond", "agent's store", "the agent's"),
				},
				{
					what: `store, drained/s in batches of ${samples}, of LevelDB's with the agent's options`,
					figure: ratio("drainedPerSecond", "agent's store", "the agent's"),
				},
				{
					what: `HTTPS, drained/s in batches of ${samples}, of LevelDB's with the agent's options`,
					figure: ratio("drainedPerSecond", "agent over HTTPS", "the agent's"),
				},
			];
		}),
	};
}
