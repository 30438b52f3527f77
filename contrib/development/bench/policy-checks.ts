import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startAgent } from "./agent.ts";
import { medianRatio, pairs } from "./builds.ts";
import { type Measured, measure } from "./load.ts";
import { figureOf, loadColumns, loadRows } from "./load-table.ts";
import { checkDummy, checkOf } from "./plugins.ts";
import { requestFile } from "./request-file.ts";
import { inRounds } from "./rounds.ts";
import type { Scene } from "./scene.ts";
import type { Section } from "./section.ts";

const rules = 200;

/** A policy of 200 callers, commands and rules; the last rule permits the benchmark's check. */
function policyText(): string {
	const list = (line: (number: number) => string) =>
		Array.from(
			{ length: rules - 1 },
			(_, number) => `  ${line(number)}\n`,
		).join("");
	return `version: 1
mode: enforce
who:
${list((number) => `w${number}: { address: 10.0.${number}.0/24 }`)}  bench: { address: 127.0.0.1 }
commands:
${list((number) => `c${number}: { run: [check_disk, -w, "{warning}", -p, "{path}", -x, "${number}"], slots: { warning: { is: threshold }, path: { is: path, below: [/var] } } }`)}  dummy: { run: [check_dummy, "{status}"], slots: { status: { is: integer, min: 0, max: 3 } } }
rules:
${list((number) => `- { who: w${number}, may: check, commands: c${number}, rate: 20/s, at-once: 8 }`)}  - { who: bench, may: check, commands: dummy }
`;
}

/** Compares the CPU of a check under a policy of 200 rules with that of a check without one. */
export async function benchPolicyChecks(scene: Scene): Promise<Section> {
	const policy = join(scene.directory, "policy.yaml");
	await writeFile(policy, policyText());
	const agents = {
		"200 rules": await startAgent(scene, "with-policy", { policy }),
		"no policy": await startAgent(scene, "without-policy"),
	};
	const load = {
		file: await requestFile(scene, "policy-check", checkOf(checkDummy)),
		kept: true,
		connections: 8,
	};
	const contenders: Record<string, (seconds: number) => Promise<Measured>> = {};
	for (const [name, agent] of Object.entries(agents))
		contenders[name] = (seconds) => measure(scene, agent, { ...load, seconds });
	const measured = await inRounds(scene, contenders, pairs);
	for (const agent of Object.values(agents)) await agent.stop();
	const cpu = (name: string) => figureOf(measured[name], "cpuMilliseconds");
	const figure = medianRatio(cpu("200 rules"), cpu("no policy"));
	const { max } = figure;
	return {
		title: "Checks under a policy",
		notes: [
			`check_dummy on 8 kept connections; the last of ${rules} rules permits it`,
			`${pairs} pairs of measurements; in brackets behind a ratio the 95 % interval of its median`,
		],
		columns: loadColumns("check"),
		rows: loadRows(measured),
		verdicts: [
			{ what: "CPU with a policy, times that without one", figure },
			{
				what: "  upper end of the interval",
				figure: { median: max, min: max, max },
				target: { is: "at most", value: 1.05 },
			},
		],
	};
}
