import { spawn } from "node:child_process";
import { once } from "node:events";
import { basename, join } from "node:path";
import { freePort } from "../../../test/support/free-port.ts";
import { agentCommand, agentDirectory, startAgent } from "./agent.ts";
import { fastifyCommand } from "./fastify.ts";
import { prepareLoad } from "./load.ts";
import { checkDummy } from "./plugins.ts";
import { requestFile } from "./request-file.ts";
import { inRounds } from "./rounds.ts";
import type { Scene } from "./scene.ts";
import type { Section } from "./section.ts";
import { ratios, summary } from "./summary.ts";

const checkHappo = join(process.cwd(), "dist/check_happo.cjs");

/** The load generator's clock. */
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

/** Milliseconds from the start of a program to its end, with exit status 0. */
async function untilEnd(program: string, ...args: string[]) {
	const begun = seconds();
	const [status] = await once(
		spawn(program, args, { stdio: "ignore" }),
		"exit",
	);
	const took = 1000 * (seconds() - begun);
	if (status !== 0) throw new Error(`${args.join(" ")}: ended with ${status}`);
	return took;
}

/** Time from the agent's start to its first answer, compared with Node doing nothing. */
export async function benchStart(scene: Scene): Promise<Section> {
	const file = await requestFile(scene, "start-root", { path: "/" });
	const directory = await agentDirectory(scene, "agent-start");
	const checked = await startAgent(scene, "agent-checked");
	const check = [
		...[checkHappo, "monitor", "-H", "127.0.0.1", "-P", String(checked.port)],
		...["-p", basename(checkDummy.file), "-o", checkDummy.option],
	];
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
			"check_happo, a whole check": () => untilEnd(process.execPath, ...check),
			"node -e 0": () => untilEnd(process.execPath, "-e", "0"),
		},
		scene.plan.starts,
	);
	await checked.stop();
	return {
		title: "Start",
		notes: [
			"check_happo: from its start to its end, a check of an agent that runs in between",
			"from the start of the process to the answer to GET / over TLS; the key pair and the store exist already",
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
			{
				what: "check_happo, a whole check, times node -e 0",
				figure: ratios(
					measured["check_happo, a whole check"],
					measured["node -e 0"],
				),
			},
		],
	};
}
