import { startAgent } from "./agent.ts";
import { startFastify } from "./fastify.ts";
import { type Load, type Measured, measure, prepareLoad } from "./load.ts";
import { startNginxEdge } from "./nginx.ts";
import { checkDummy, checkOf } from "./plugins.ts";
import { relayed } from "./relay.ts";
import { requestFile } from "./request-file.ts";
import { inRounds } from "./rounds.ts";
import type { Scene } from "./scene.ts";
import type { Section } from "./section.ts";
import { ratios, summary } from "./summary.ts";

/** Number of timed requests a second, sent at fixed times. */
const askedPerSecond = 100;
const checksPerSecond = 50;

/** Latency of `GET /` and of a relayed request, on an idle agent and while checks run. */
export async function benchLatency(scene: Scene): Promise<Section> {
	const agent = await startAgent(scene, "agent-latency");
	const bare = await startFastify(scene);
	const edge = await startNginxEdge(scene, "latency-edge");
	const root = await requestFile(scene, "latency-root", { path: "/" });
	const relay = await requestFile(scene, "latency-relay", relayed(edge));
	const check = await requestFile(scene, "latency-check", checkOf(checkDummy));
	const asked = (file: string): Load => ({
		file,
		connections: 16,
		kept: true,
		seconds: scene.plan.latencySeconds,
		perSecond: askedPerSecond,
	});
	const idle = (file: string) => () => measure(scene, agent, asked(file));
	const busy = (file: string) => async () => {
		const checks = await prepareLoad(scene, agent.port, {
			...asked(check),
			perSecond: checksPerSecond,
		});
		const [measured] = await Promise.all([
			measure(scene, agent, asked(file)),
			checks.run(),
		]);
		return measured;
	};
	const measured = await inRounds(scene, {
		"GET /, idle": idle(root),
		"GET /, 50 checks/s": busy(root),
		"relayed, idle": idle(relay),
		"relayed, 50 checks/s": busy(relay),
		"GET / of bare Fastify, idle": () => measure(scene, bare, asked(root)),
	});
	for (const server of [agent, bare, edge]) await server.stop();

	const of = (rounds: Measured[], figure: "p50" | "p99" | "longest") =>
		rounds.map((round) => round[figure]);
	const p99 = (name: keyof typeof measured) => of(measured[name], "p99");
	return {
		title: "Latency",
		notes: [
			`${askedPerSecond} requests a second at fixed times on kept connections, counted from those times; p99 of each round`,
			"relayed: to an edge that is nginx; the checks run on the bastion",
		],
		columns: ["p50 ms", "p99 ms", "longest ms"],
		rows: Object.entries(measured).map(([name, rounds]) => ({
			name,
			cells: (["p50", "p99", "longest"] as const).map((figure) =>
				summary(of(rounds, figure)),
			),
		})),
		verdicts: [
			{
				what: "p99 of GET / with 50 checks/s, times idle",
				figure: ratios(p99("GET /, 50 checks/s"), p99("GET /, idle")),
				target: { is: "below", value: 10 },
			},
			{
				what: "p99 of a relayed request with 50 checks/s, times idle",
				figure: ratios(p99("relayed, 50 checks/s"), p99("relayed, idle")),
			},
		],
	};
}
