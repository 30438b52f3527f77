import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { askBroker } from "../../../cli/broker/ask.ts";
import type { BrokerStatus } from "../../../cli/broker/figures.ts";
import { kinds } from "../../../cli/broker/frame.ts";
import { eventually } from "../../../test/support/eventually.ts";
import type { Scene } from "./scene.ts";

/** A running `happo-ctl broker`. */
export interface BenchBroker {
	socket: string;
	pid: number;
	stop(): Promise<void>;
}

const program = join(process.cwd(), "dist/happo-ctl.js");

/** The figures of a broker, by its socket. */
export async function statusOf(socket: string): Promise<BrokerStatus> {
	const request = { kind: kinds.status, body: Buffer.alloc(0) };
	const { body } = await askBroker(socket, request, 5_000);
	return JSON.parse(body.toString("utf8")) as BrokerStatus;
}

/** Starts the built broker, which verifies no certificates, like the other clients of the run. */
export async function startBroker(
	{ t, directory }: Scene,
	name: string,
): Promise<BenchBroker> {
	const socket = join(directory, `${name}.sock`);
	const child = spawn(
		process.execPath,
		[program, "broker", "--insecure", "--listen", socket],
		{ stdio: "ignore" },
	);
	const ended = once(child, "exit");
	const stop = async () => {
		child.kill("SIGTERM");
		await ended;
	};
	t.after(stop);
	await eventually("the broker answers", async () => {
		if (child.exitCode !== null) throw new Error("the broker has ended");
		return statusOf(socket).then(
			() => true,
			() => false,
		);
	});
	return { socket, pid: child.pid ?? 0, stop };
}
