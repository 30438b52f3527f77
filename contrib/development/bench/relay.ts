import { startAgent } from "./agent.ts";
import { type Measured, measure } from "./load.ts";
import { type Figures, figureOf, loadColumns, loadRows } from "./load-table.ts";
import { startNginxEdge, startNginxProxy } from "./nginx.ts";
import { requestFile } from "./request-file.ts";
import { inRounds } from "./rounds.ts";
import type { Scene } from "./scene.ts";
import type { Section } from "./section.ts";
import type { Server } from "./server.ts";
import { ratios } from "./summary.ts";

const atOnce = [8, 64] as const;

/** The cheapest request for an agent as the edge: an empty append. */
const inner = { path: "/metric/append", body: { metric_data: [] } };

/** The same request, relayed to an edge by an agent. */
export const relayed = (edge: Pick<Server, "port">) => ({
	path: "/proxy",
	body: {
		proxy_hostport: [`127.0.0.1:${edge.port}`],
		request_type: inner.path.slice(1),
		request_json: JSON.stringify(inner.body),
	},
});

/** A request to an edge through the agent and through nginx, TLS on both sides. */
export async function benchRelay(scene: Scene): Promise<Section> {
	const edges = {
		"nginx edge": await startNginxEdge(scene, "nginx-edge"),
		"agent edge": await startAgent(scene, "agent-edge"),
	};
	const bastion = await startAgent(scene, "agent-bastion");
	const plain = await requestFile(scene, "relay-plain", inner);
	const servers: Server[] = [...Object.values(edges), bastion];
	const contenders: Record<string, (seconds: number) => Promise<Measured>> = {};
	for (const [at, edge] of Object.entries(edges)) {
		const proxy = await startNginxProxy(
			scene,
			`proxy to ${at}`.replaceAll(" ", "-"),
			edge,
		);
		servers.push(proxy);
		const file = await requestFile(scene, `relay ${at}`, relayed(edge));
		for (const connections of atOnce) {
			const common = { connections, kept: true };
			contenders[`agent, ${at}, ${connections}`] = (seconds) =>
				measure(scene, bastion, { ...common, seconds, file });
			contenders[`nginx, ${at}, ${connections}`] = (seconds) =>
				measure(scene, proxy, { ...common, seconds, file: plain });
		}
	}
	const measured = await inRounds(scene, contenders);
	for (const server of servers) await server.stop();

	const ratio = (figure: keyof Figures, at: string, many: number) =>
		ratios(
			figureOf(measured[`agent, ${at}, ${many}`], figure),
			figureOf(measured[`nginx, ${at}, ${many}`], figure),
		);
	/** Targets apply to agents as edges, because bastions relay to agents. */
	const target = (at: string, value: number, stretch: number) =>
		at === "agent edge" && {
			target: { is: "at least", value, stretch } as const,
		};
	return {
		title: "Relayed requests",
		notes: [
			"POST /metric/append of nothing to an edge: as POST /proxy to the agent, through a reverse proxy with kept connections in nginx (one worker)",
			"the edge is an agent, as behind a bastion; one that is nginx shows the bastion alone",
			"load: our generator in C (OpenSSL, one thread), connections kept; CPU of the bastion only",
		],
		columns: loadColumns("request"),
		rows: loadRows(measured),
		verdicts: Object.keys(edges).flatMap((at) => [
			{
				what: `relayed/s, ${at}, 64 at once, of nginx's`,
				figure: ratio("perSecond", at, 64),
				...target(at, 0.2, 0.33),
			},
			{
				what: `relayed/s, ${at}, 8 at once, of nginx's`,
				figure: ratio("perSecond", at, 8),
				...target(at, 0.18, 0.3),
			},
			{
				what: `CPU per request, ${at}, 64 at once, times nginx's`,
				figure: ratio("cpuMilliseconds", at, 64),
			},
		]),
	};
}
