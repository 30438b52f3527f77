import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { program as builtProgram } from "../../../test/support/daemon.ts";
import {
	details,
	faults,
	heading,
	limits,
	line,
	type Played,
} from "../abuse/judgement.ts";
import { play, startAgent } from "../abuse/play.ts";
import type { Scenario } from "../abuse/scenario.ts";
import { scenarios } from "../abuse/scenarios/index.ts";
import type { Campaign } from "./campaign.ts";

/** The scenarios whose names contain one of the words; all scenarios if there are no words. */
export function chosen(words: readonly string[]): readonly Scenario[] {
	const found = scenarios.filter(
		({ name }) =>
			words.length === 0 || words.some((word) => name.includes(word)),
	);
	if (found.length > 0) return found;
	const names = scenarios.map(({ name }) => `  ${name}`).join("\n");
	throw new Error(
		`no scenario named ${words.join(" or ")}; there are\n${names}`,
	);
}

/** Measures how much one client can take from others. */
export const abuse: Campaign = {
	summary:
		"one client, or a hostile next hop, takes all memory or all places; half an hour",
	usage: "[--program FILE] [--note TEXT] [PART OF A SCENARIO'S NAME...]",
	async run({ scope, args, signal, progress }) {
		const { values, positionals } = parseArgs({
			args: [...args],
			allowPositionals: true,
			options: {
				program: { type: "string", default: builtProgram },
				note: { type: "string" },
			},
		});
		const program = resolve(values.program);
		const judged = execFileSync(process.execPath, [program, "--version"], {
			encoding: "utf8",
		}).trim();
		const toPlay = chosen(positionals);
		const control = await startAgent(scope, program);
		const played: Played[] = [];
		progress(heading());
		for (const scenario of toPlay) {
			const one = await play(scenario, {
				...{ program, signal, controlPort: control.port },
			});
			played.push(one);
			progress(line(one));
			for (const detail of details(one)) progress(`    ${detail}`);
		}
		const failed = played.filter((one) => faults(one).length > 0).length;
		return {
			parameters: {
				program: judged,
				scenarios: toPlay.length,
				...(values.note !== undefined && { note: values.note }),
			},
			figures: [
				`Pass: at most ${limits.peakMebibytes} MiB resident; no GET / of another client waits more than ${limits.waitMilliseconds} ms,`,
				`no small check or append more than ${limits.workMilliseconds} ms, and all of them are answered 200.`,
				"Columns: peak resident memory; longest waits of the other client for GET / on new",
				"connections, on a persistent one, and on an agent that nobody attacks (control); the",
				"agent's CPU seconds; maximum descriptors and plugin processes; memory afterwards; log.",
				"",
				heading(),
				...played.map(line),
				"",
				...played.flatMap(details),
				"",
				`${failed} of ${played.length} failed`,
			],
			passed: failed === 0,
		};
	},
};
