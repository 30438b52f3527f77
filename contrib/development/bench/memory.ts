import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { parseKilobytes } from "../soak/process-figures.ts";
import { startAgent } from "./agent.ts";
import { startFastify } from "./fastify.ts";
import { measure } from "./load.ts";
import { startNginxEdge } from "./nginx.ts";
import { checkDummy, checkOf } from "./plugins.ts";
import { relayed } from "./relay.ts";
import { requestFile } from "./request-file.ts";
import type { Scene } from "./scene.ts";
import type { Section } from "./section.ts";
import type { Server } from "./server.ts";
import { summary } from "./summary.ts";

/** An agent returns memory after ten idle seconds. */
const restMilliseconds = 15_000;

/** Pause between a load and the first measurement of memory. */
const pauseMilliseconds = 1_000;

/** Resident memory in MiB: all of it, and the part that is not mapped from files. */
interface Held {
	resident: number;
	anonymous: number;
}

function heldBy({ pid }: Server): Held {
	const status = readFileSync(`/proc/${pid}/status`, "utf8");
	return {
		resident: parseKilobytes(status, "VmRSS") / 1024,
		anonymous: parseKilobytes(status, "RssAnon") / 1024,
	};
}

/** Memory of the agent when idle and after each load, in a new process each round. */
export async function benchMemory(scene: Scene): Promise<Section> {
	const { plan, progress } = scene;
	const held: Record<string, Held[]> = {};
	const look = async (name: string, server: Server, after: number) => {
		await pause(after, undefined, { signal: scene.signal });
		held[name] ??= [];
		held[name].push(heldBy(server));
	};
	const root = await requestFile(scene, "memory-root", { path: "/" });
	const check = await requestFile(scene, "memory-check", checkOf(checkDummy));
	const edge = await startNginxEdge(scene, "memory-edge");
	const relay = await requestFile(scene, "memory-relay", relayed(edge));
	const many = plan.memoryRequests;
	const load = { connections: 8, kept: true, answers: many };
	const count = many.toLocaleString("en");
	const last = `agent, ${restMilliseconds / 1000} seconds later`;
	for (let round = 1; round <= plan.memoryRounds; round++) {
		progress(`round ${round} of ${plan.memoryRounds}`);
		const agent = await startAgent(scene, `agent-memory-${round}`);
		await look("agent, idle", agent, restMilliseconds);
		await measure(scene, agent, { ...load, file: check });
		await look(`agent, after ${count} checks`, agent, pauseMilliseconds);
		await measure(scene, agent, { ...load, file: relay });
		await look(`agent, after ${count} relays more`, agent, pauseMilliseconds);
		await look(last, agent, restMilliseconds);
		await agent.stop();
		const bare = await startFastify(scene);
		await look("bare Fastify, idle", bare, restMilliseconds);
		await measure(scene, bare, { ...load, file: root });
		await measure(scene, bare, { ...load, file: root });
		await look(
			`bare Fastify, after ${(2 * many).toLocaleString("en")} GET /`,
			bare,
			restMilliseconds,
		);
		await bare.stop();
	}
	await edge.stop();

	const of = (name: string, figure: keyof Held) =>
		summary((held[name] ?? []).map((one) => one[figure]));
	return {
		title: "Memory",
		notes: [
			`in /proc/PID/status, ${restMilliseconds / 1000} seconds after the start; after each load, 8 at once, ${pauseMilliseconds / 1000} second later, and then once more`,
		],
		columns: ["VmRSS MiB", "RssAnon MiB"],
		rows: Object.keys(held).map((name) => ({
			name,
			cells: [of(name, "resident"), of(name, "anonymous")],
		})),
		verdicts: [
			{
				what: "resident, idle, MiB",
				figure: of("agent, idle", "resident"),
				target: { is: "at most", value: 64, stretch: 60 },
			},
			{
				what: "resident, after the load, MiB",
				figure: of(last, "resident"),
				target: { is: "at most", value: 80, stretch: 72 },
			},
			{
				what: "private, after the load, MiB",
				figure: of(last, "anonymous"),
				target: { is: "at most", value: 30 },
			},
		],
	};
}
