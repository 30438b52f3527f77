import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

/** Kills a process with SIGKILL, unless it has ended or there is none, and waits for its end. */
export async function killProcess(
	child: ChildProcess | undefined,
): Promise<void> {
	if (!child || child.exitCode !== null || child.signalCode !== null) return;
	const ended = once(child, "exit");
	child.kill("SIGKILL");
	await ended;
}
