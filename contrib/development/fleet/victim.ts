import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { eventually } from "../../../test/support/eventually.ts";
import { send } from "../../../test/support/https.ts";
import { killProcess } from "../../../test/support/kill-process.ts";
import type { Scope } from "../../../test/support/scope.ts";

/** A program that may be killed at any time and is started again. */
export interface Victim {
	role: string;
	/** Kills it with kill -9. */
	kill(): Promise<void>;
	start(): Promise<void>;
	pid(): number;
	/** Its page for Prometheus, if it has one. */
	page?: string;
}

/** A process that is started again and again with the same arguments, and is killed with the scope. */
export function restartable(
	scope: Scope,
	role: string,
	begin: () => ChildProcess,
	ready: (child: ChildProcess) => Promise<void>,
): Victim & { child(): ChildProcess | undefined } {
	let child: ChildProcess | undefined;
	const kill = () => killProcess(child);
	scope.after(kill);
	return {
		...{ role, kill },
		pid: () => child?.pid ?? 0,
		child: () => child,
		start: async () => {
			const begun = begin();
			child = begun;
			const ended = once(begun, "exit").then(([code, signal]) => {
				throw new Error(`${role} ended: ${code ?? signal}`);
			});
			await Promise.race([ready(begun), ended]);
			ended.catch(() => {});
		},
	};
}

/** How a process is started that prints nothing of interest. */
export const silent = { stdio: ["ignore", "ignore", "ignore"] as "ignore"[] };

/** Waits until an HTTPS server answers on a port of 127.0.0.1. */
export const listens = (what: string, port: number) =>
	eventually(
		`${what} listens`,
		() =>
			send({ port, path: "/" }).then(
				() => true,
				() => false,
			),
		60_000,
	);
