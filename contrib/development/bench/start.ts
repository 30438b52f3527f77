import { spawn } from "node:child_process";
import { once } from "node:events";
import { freePort } from "../../../test/support/command-line.ts";
import { agentCommand, agentDirectory } from "./agent.ts";
import { fastifyCommand } from "./fastify.ts";
import { prepareLoad } from "./load.ts";
import { requestFile } from "./request-file.ts";
import { inRounds } from "./rounds.ts";
import type { Scene } from "./scene.ts";
import type { Section } from "./section.ts";
import { ratios, summary } from "./summary.ts";

/** The clock of the generator. */
const seconds = () => Number(process.hrtime.bigint()) / 1e9;

/** Milliseconds from the start of a program to the first answer to `GET /`. */
async function untilAnswer(
	scene: Scene,
	file: string,
	port: number,
	[program = "", ...args]: string[],
) {
	const generator = await prepareLoad(
		scene,
		port,
		{ file, connections: 1 },
		"-w",
	);
	const begun = seconds();
	const child = spawn(program, args, { stdio: "ignore" });
	const ended = once(child, "close");
	try {
		const { endedAt } = await generator.run();
		return 1000 * (endedAt - begun);
	} finally {
		child.kill("SIGTERM");
		await ended;
	}
}

/** Milliseconds from the start of a program to its end. */
async function untilEnd(program: string, ...args: string[]) {
	const begun = seconds();
	await once(spawn(program, args, { stdio: "ignore" }), "exit");
	return 1000 * (seconds() - begun);
}

/** How long the agent takes to its first answer, against Node that does nothing. */
export async function benchStart(scene: Scene): Promise<Section> {
	const file = await requestFile(scene, "start-root", { path: "/" });
	const directory = await agentDirectory(scene, "agent-start");
	const measured = await inRounds(
		scene,
		{
			"agent, first answer": async () => {
				const port = await freePort();
				const command = agentCommand(scene, port, directory);
				return untilAnswer(scene, file, port, command);
			},
			"bare Fastify, first answer": async () => {
				const port = await freePort();
				return untilAnswer(scene, file, port, fastifyCommand(scene, port));
			},
			"node -e 0": () => untilEnd(process.execPath, "-e", "0"),
		},
		scene.plan.starts,
	);
	return {
		title: "Start",
		notes: [
			"from the start of the process to the answer to GET / over TLS; with a key pair and a store that are there",
		],
		columns: ["ms"],
		rows: Object.entries(measured).map(([name, values]) => ({
			name,
			cells: [summary(values)],
		})),
		verdicts: [
			{
				what: "start to first answer, times node -e 0",
				figure: ratios(measured["agent, first answer"], measured["node -e 0"]),
				target: { is: "at most", value: 5, stretch: 3 },
			},
		],
	};
}
