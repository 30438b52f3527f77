import { startAgent } from "./agent.ts";
import { startFastify } from "./fastify.ts";
import { measure } from "./load.ts";
import { type Figures, figureOf, loadColumns, loadRows } from "./load-table.ts";
import { requestFile } from "./request-file.ts";
import { inRounds } from "./rounds.ts";
import type { Scene } from "./scene.ts";
import type { Section } from "./section.ts";
import { ratios } from "./summary.ts";

/** Compares `GET /`, which does nothing, with bare Fastify. */
export async function benchRequests(scene: Scene): Promise<Section> {
	const agent = await startAgent(scene, "agent-requests");
	const bare = await startFastify(scene);
	const file = await requestFile(scene, "root", { path: "/" });
	const load = {
		file,
		connections: 8,
		kept: true,
	};
	const measured = await inRounds(scene, {
		agent: (seconds) => measure(scene, agent, { ...load, seconds }),
		"bare Fastify": (seconds) => measure(scene, bare, { ...load, seconds }),
	});
	await agent.stop();
	await bare.stop();

	const ratio = (figure: keyof Figures) =>
		ratios(
			figureOf(measured.agent, figure),
			figureOf(measured["bare Fastify"], figure),
		);
	return {
		title: "GET /, 8 at once",
		notes: [
			"Fastify with one route and the agent's TLS options, not bundled",
			"load: our generator in C (OpenSSL, one thread), connections kept",
		],
		columns: loadColumns("request"),
		rows: loadRows(measured),
		verdicts: [
			{
				what: "GET /, of bare Fastify's per second",
				figure: ratio("perSecond"),
				target: { is: "at least", value: 0.8, stretch: 0.95 },
			},
			{
				what: "CPU of GET /, times bare Fastify's",
				figure: ratio("cpuMilliseconds"),
			},
		],
	};
}
