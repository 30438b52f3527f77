import { readFileSync } from "node:fs";
import { cpuOf } from "../soak/process-figures.ts";

/** The process ids of the living children of a process. */
const childrenOf = (pid: number) =>
	readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
		.split(" ")
		.filter((id) => id !== "")
		.map(Number);

/** CPU seconds of a process, its descendants and the children that they have waited for; 0 if it has ended. */
export function cpuOfTree(pid: number): number {
	try {
		const { own, children } = cpuOf(pid);
		const living = childrenOf(pid).map(cpuOfTree);
		return living.reduce((sum, seconds) => sum + seconds, own + children);
	} catch {
		return 0;
	}
}
