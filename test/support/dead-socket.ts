import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";

/** Leaves a socket file whose program was killed. */
export async function leaveDeadSocket(path: string): Promise<void> {
	const child = spawn(process.execPath, [
		"-e",
		`require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`,
	]);
	await once(child, "exit");
	assert.ok(existsSync(path));
}
