import { access, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Outcome } from "./campaign.ts";

/** Facts about a run besides its outcome. */
export interface Circumstances {
	name: string;
	began: Date;
	ended: Date;
	/** Version of happo-agent and commit. */
	version: string;
	/** The kind of machine, in general terms. */
	machine: string;
}

/** The text of an outcome file. */
export function outcomeText(
	{ name, began, ended, version, machine }: Circumstances,
	{ parameters, figures, passed }: Outcome,
): string {
	const minutes = (ended.getTime() - began.getTime()) / 60_000;
	const given = Object.entries(parameters).map(
		([parameter, value]) => `${parameter} ${value}`,
	);
	return `# Campaign ${name}, ${began.toISOString().slice(0, 10)}

- ${passed ? "passed" : "FAILED"} after ${minutes.toFixed(1)} minutes, started ${began.toISOString()}
- happo-agent ${version}
- ${machine}
- ${given.join(", ") || "no parameters"}

${figures.map((line) => `    ${line}`).join("\n")}
`;
}

/** Writes an outcome file named by date and campaign, with a number if the name is taken. Returns its path. */
export async function writeOutcome(
	directory: string,
	circumstances: Circumstances,
	outcome: Outcome,
): Promise<string> {
	await mkdir(directory, { recursive: true });
	const { began, name } = circumstances;
	const stem = `${began.toISOString().slice(0, 10)}-${name}`;
	let path = join(directory, `${stem}.md`);
	for (let number = 2; await exists(path); number++)
		path = join(directory, `${stem}-${number}.md`);
	await writeFile(path, outcomeText(circumstances, outcome));
	return path;
}

const exists = (path: string) =>
	access(path).then(
		() => true,
		() => false,
	);
