import { readdirSync, readFileSync } from "node:fs";

/** Ids of processes with this variable in their environment, which children inherit. */
export function processesOf(variable: string): number[] {
	return readdirSync("/proc")
		.filter((name) => /^\d+$/.test(name))
		.filter((pid) => {
			try {
				const environment = readFileSync(`/proc/${pid}/environ`, "latin1");
				return environment.split("\0").includes(variable);
			} catch {
				return false; // ended in between, or not ours to read
			}
		})
		.map(Number);
}

// only SIGKILL ends the plugin and its child
export const stubbornPlugin = `#!/bin/sh
trap '' TERM INT HUP
sh -c 'trap "" TERM; sleep 300; sleep 300' &
sleep 300
sleep 300
`;
