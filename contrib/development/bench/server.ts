import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { eventually } from "../../../test/support/eventually.ts";
import type { Scope } from "./scene.ts";

/** A server under test. */
export interface Server {
	port: number;
	pid: number;
	/** Stops the server before the run ends; may be called more than once. */
	stop(): Promise<void>;
}

/** True if a server accepts connections on a port of 127.0.0.1. */
const answers = (port: number) =>
	new Promise<boolean>((resolve) => {
		const socket = connect(port, "127.0.0.1");
		socket.once("connect", () => resolve(true));
		socket.once("error", () => resolve(false));
		socket.once("connect", () => socket.destroy());
	});

/** Starts a server and waits until it listens. Throws an error with its output if it ends instead. */
export async function startServer(
	t: Scope,
	port: number,
	[file = "", ...args]: readonly string[],
): Promise<Server> {
	const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
	let said = "";
	for (const output of [child.stdout, child.stderr])
		output.setEncoding("utf8").on("data", (text: string) => {
			said = (said + text).slice(-2000);
		});
	let failed: unknown;
	child.once("error", (error) => {
		failed = error;
	});
	const ended = once(child, "close");
	const stop = async () => {
		child.kill("SIGTERM");
		const killer = setTimeout(() => child.kill("SIGKILL"), 10_000);
		await ended.catch(() => {});
		clearTimeout(killer);
	};
	t.after(stop);
	await eventually(`${file} listens`, () => {
		if (failed) throw failed;
		if (child.exitCode !== null) throw new Error(`${file} ended: ${said}`);
		return answers(port);
	});
	// let the server handle the connection that tested the port
	await pause(100);
	return { port, pid: child.pid ?? 0, stop };
}
