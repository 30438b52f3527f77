import { type ChildProcess, spawn } from "node:child_process";
import type { TestContext } from "node:test";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";
import { killProcess } from "./kill-process.ts";
import { temporaryDirectory } from "./temporary.ts";

type Test = Pick<TestContext, "after">;

/**
 * Starts a NATS server with JetStream, on a port of its own of 127.0.0.1; it ends with the test.
 * @param flags more flags
 * @param isReady what it logs when it is ready
 */
export async function startNats(
	t: Test,
	flags: readonly string[] = [],
	isReady = /Server is ready/,
) {
	const directory = await temporaryDirectory(t);
	const port = await freePort();
	let child: ChildProcess | undefined;
	let log = "";
	const start = async () => {
		child = spawn(
			"nats-server",
			[
				...["-js", "-sd", directory, "-a", "127.0.0.1", "-p", String(port)],
				...flags,
			],
			{ stdio: ["ignore", "ignore", "pipe"] },
		);
		log = "";
		child.stderr?.setEncoding("utf8").on("data", (text: string) => {
			log += text;
		});
		await eventually("nats-server is ready", () => isReady.test(log), 90_000);
	};
	const kill = () => killProcess(child);
	t.after(kill);
	await start();
	return {
		...{ url: `nats://127.0.0.1:${port}`, port, kill, start },
		/** What it has logged since its last start. */
		log: () => log,
	};
}
