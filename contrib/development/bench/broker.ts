import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { askBroker } from "../../../cli/broker/ask.ts";
import {
	checkBody,
	createFrameReader,
	frameBytes,
	kinds,
	maxAnswerBytes,
} from "../../../cli/broker/frame.ts";
import { eventually } from "../../../test/support/eventually.ts";
import type { Scene } from "./scene.ts";

/** A running `happo-ctl broker`. */
export interface BenchBroker {
	socket: string;
	pid: number;
	stop(): Promise<void>;
}

const program = join(process.cwd(), "dist/happo-ctl.js");

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
	const request = { kind: kinds.status, body: Buffer.alloc(0) };
	await eventually("the broker answers", async () => {
		if (child.exitCode !== null) throw new Error("the broker has ended");
		return askBroker(socket, request, 1_000).then(
			() => true,
			() => false,
		);
	});
	return { socket, pid: child.pid ?? 0, stop };
}

/** Sends checks over one connection, so many at once; throws unless all give 0. */
export async function sendChecks(
	{ socket: path }: BenchBroker,
	checks: readonly (readonly string[])[],
	atOnce: number,
): Promise<void> {
	const socket = connect(path);
	const reader = createFrameReader(maxAnswerBytes);
	let sent = 0;
	let answered = 0;
	const send = () => {
		const words = checks[sent];
		if (!words) return;
		sent++;
		const body = checkBody({ millisecondsLeft: 60_000, words: [...words] });
		socket.write(frameBytes({ kind: kinds.check, id: sent, body }));
	};
	try {
		await new Promise<void>((resolve, reject) => {
			socket.once("error", reject);
			socket.once("close", () => reject(new Error("the broker has gone")));
			socket.on("data", (bytes: Buffer) => {
				for (const { kind, body } of reader.push(bytes)) {
					if (kind !== kinds.result || body[0] !== 0)
						reject(new Error(`a check failed: ${body.toString("utf8", 1)}`));
					answered++;
					if (answered === checks.length) resolve();
					send();
				}
			});
			for (let many = 0; many < atOnce; many++) send();
		});
	} finally {
		socket.removeAllListeners("close").destroy();
	}
}
