import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { temporaryDirectory } from "./temporary.ts";

/**
 * A new directory for a program that writes into it. When the test ends, the program is killed
 * before it is removed.
 */
export async function programDirectory(t: Pick<TestContext, "after">) {
	let child: ChildProcess | undefined;
	// before the directory's own hook, as hooks run in this order
	t.after(async () => {
		if (!child || child.exitCode !== null || child.signalCode !== null) return;
		const closed = once(child, "close");
		child.kill("SIGKILL");
		await closed;
	});
	return {
		directory: await temporaryDirectory(t),
		owns: (started: ChildProcess) => {
			child = started;
		},
	};
}
