import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startDaemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { post } from "../support/https.ts";
import { createScope } from "../support/scope.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const source = join(process.cwd(), "test/fixtures/silent-mount.c");

test("a plugin directory on a mount that never answers costs the checks in it, nothing else", async (t) => {
	const scope = createScope();
	t.after(() => scope.end());
	const directory = await temporaryDirectory(scope);
	const at = (name: string) => join(directory, name);
	execFileSync("cc", ["-Wall", "-o", at("silent-mount"), source]);
	for (const name of ["mount", "good"]) mkdirSync(at(name));
	for (const name of ["check_good", "metrics_good"]) {
		await writeFile(at(`good/${name}`), "#!/bin/sh\necho fine\n");
		await chmod(at(`good/${name}`), 0o755);
	}
	// a mount that nobody else sees, and that ends with this agent
	const node = at("node");
	const asRoot = process.getuid?.() === 0 ? "" : "--map-root-user";
	await writeFile(
		node,
		`#!/bin/sh
exec unshare --mount ${asRoot} /bin/sh -c '
	"$0/silent-mount" "$0/mount" >/dev/null 2>&1 & echo $! >"$0/pid"
	until grep -q fuse.silent /proc/self/mounts; do sleep 0.05; done
	exec "$@"' '${directory}' '${process.execPath}' "$@"
`,
	);
	await chmod(node, 0o755);
	const endMount = () =>
		process.kill(Number(readFileSync(at("pid"), "utf8")), "SIGKILL");
	const daemon = await startDaemon(
		scope,
		[
			`--nagios-plugin-paths=${at("good")},${at("mount")}`,
			`--sensu-plugin-paths=${at("mount")}`,
			...["--command-timeout", "15", "--log-level", "info"],
		],
		{ node, directory },
	);
	// before the daemon is waited for, which it would keep
	scope.after(() => {
		try {
			endMount();
		} catch {
			// it has ended
		}
	});
	const check = (plugin_name: string) =>
		post(daemon.port, "/monitor", { plugin_name });
	const answered: string[] = [];
	const hanging = Array.from({ length: 30 }, async (_, n) => {
		const answer = await check(`check_hangs_${n}`);
		answered.push("hanging");
		return answer;
	});
	// more of the others than the pool has threads
	await Promise.all(
		Array.from({ length: 12 }, async () => {
			const { json } = await check("check_good");
			answered.push("good");
			assert.deepEqual(json, { return_value: 0, message: "fine\n" });
		}),
	);
	const appended = await post(daemon.port, "/metric/append", {
		metric_data: [{ hostname: "h", timestamp: 5, metrics: { "a.b": 1 } }],
	});
	assert.equal(appended.status, 200);
	assert.ok(!answered.includes("hanging"));
	for (const { status, json } of await Promise.all(hanging)) {
		assert.equal(status, 500);
		const { return_value, message } = json as Record<string, unknown>;
		assert.equal(return_value, 2);
		assert.match(
			String(message),
			/^Exec timeout: \S+\/mount\/check_hangs_\d+ : plugin directory does not answer: \S+\/mount$/,
		);
	}
	assert.equal((await check("check_good")).status, 200);
	// all is done, though the kernel keeps the process until the thread that hangs comes back
	const stopped = daemon.stop();
	const state = () =>
		/^State:\s*(\w)/m.exec(
			readFileSync(`/proc/${daemon.process.pid}/status`, "utf8"),
		)?.[1];
	await eventually("the agent has ended", () => state() === "Z");
	endMount();
	assert.equal((await stopped).code, 0);
});
