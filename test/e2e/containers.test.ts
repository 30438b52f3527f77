import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { program } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { testNode } from "../support/happo-ctl.ts";
import { lacksPeer } from "../support/peer.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { blocksRunBy } from "../support/walkthrough.ts";

/** The user and group nobody, whom every system has. */
const nobody = 65534;

/**
 * Becomes process 1 in namespaces of its own, with a read-only file system except for one
 * directory, and runs the agent as nobody. Arguments: that directory, and the command.
 */
const container = `
volume=$1
shift
mount --make-rprivate /
mount --bind "$volume" "$volume"
mount -o remount,bind,ro /
mount -t tmpfs -o ro tmpfs /run
ip link set lo up
cd "$volume"
exec setpriv --reuid ${nobody} --regid ${nobody} --clear-groups --no-new-privs "$@"`;

const missing =
	process.getuid?.() !== 0
		? "not root"
		: ["unshare", "setpriv", "ip", "curl"]
				.filter((name) => spawnSync("sh", ["-c", `command -v ${name}`]).status)
				.map((name) => `${name} is not installed`)[0];

/** Leaves a process behind, which ends after the plugin. */
const leaving = `#!/bin/sh
(setsid sh -c 'sleep 0.2; : >"$1"' sh "$1" >/dev/null 2>&1 </dev/null &)
echo "runs as $(id -u)"
`;

/** The agent with the environment of containers.md; its paths are below `directory`. */
async function startContained(t: TestContext) {
	const directory = await temporaryDirectory(t);
	const etc = join(directory, "etc");
	const volume = join(directory, "volume");
	for (const path of [etc, volume]) await mkdir(path);
	await chmod(directory, 0o755);
	spawnSync("chown", [`${nobody}:${nobody}`, volume]);
	const [block, ...others] = blocksRunBy("test/e2e/containers.test.ts");
	assert.ok(block && others.length === 0);
	const settings = block.lines.map((line) =>
		line.replace("/var/lib/happo-agent", volume).replace("/etc/happo", etc),
	);
	await writeFile(join(etc, "metrics.yaml"), "metrics: []\n");
	await writeFile(
		join(etc, "policy.yaml"),
		`version: 1
rules: [{ who: admin, may: "*", commands: "*" }]
commands:
  leave: { run: [check_leave, "{file}"], slots: { file: { is: path, below: [${volume}] } } }
`,
	);
	await writeFile(join(etc, "check_leave"), leaving, { mode: 0o755 });
	const child = spawn(
		"unshare",
		[
			...["--mount", "--pid", "--net", "--fork"],
			...["--mount-proc", "sh", "-ec", container, "container", volume],
			...["env", "-i", "PATH=/usr/bin:/bin", ...settings],
			`HAPPO_AGENT_NAGIOS_PLUGIN_PATHS=${etc}`,
			...[testNode, program, "daemon"],
		],
		{ stdio: ["ignore", "pipe", "pipe"] },
	);
	const closed = once(child, "close");
	const children = `/proc/${child.pid}/task/${child.pid}/children`;
	const processOne = async () =>
		Number(await readFile(children, "utf8").catch(() => ""));
	t.after(async () => {
		// not unshare, without which process 1 goes on once it has changed its user
		const pid = await processOne();
		if (pid > 0) process.kill(pid, "SIGKILL");
		else child.kill("SIGKILL");
		await closed;
	});
	let said = "";
	for (const stream of [child.stdout, child.stderr])
		stream.setEncoding("utf8").on("data", (text: string) => {
			said += text;
		});
	await eventually("the agent has started", () => {
		assert.equal(child.exitCode, null, said);
		return /started, listening on/.test(said);
	});
	return { volume, pid: await processOne(), said: () => said, closed };
}

/** The states of the processes in a process's namespace, except its own. */
async function others(pid: number) {
	const names = await readdir(`/proc/${pid}/root/proc`).catch(() => []);
	const found: string[] = [];
	for (const name of names.filter((name) => /^\d+$/.test(name))) {
		const text = await readFile(
			`/proc/${pid}/root/proc/${name}/stat`,
			"utf8",
		).catch(() => "");
		if (name !== "1" && text !== "") found.push(text.split(" ", 3).join(" "));
	}
	return found;
}

test("the agent is process 1 of a container, with the environment of containers.md", async (t) => {
	if (lacksPeer(t, missing)) return;
	const { volume, pid, said, closed } = await startContained(t);
	assert.match(said(), /pid 1,/);
	assert.doesNotMatch(said(), /\[error\]|this is process 1 and cannot wait/);

	const socket = join(volume, "admin.sock");
	const file = join(volume, "left");
	const { status, stdout } = spawnSync(
		"curl",
		[
			...["--silent", "--show-error", "--max-time", "30"],
			...["--unix-socket", socket, "--data"],
			JSON.stringify({ plugin_name: "check_leave", plugin_option: file }),
			"http://localhost/monitor",
		],
		{ encoding: "utf8" },
	);
	assert.equal(status, 0);
	assert.deepEqual(JSON.parse(stdout), {
		return_value: 0,
		message: `runs as ${nobody}\n`,
	});
	await eventually("the process that was left behind has ended", async () =>
		(await readdir(volume)).includes("left"),
	);
	await eventually(
		"no zombie is left",
		async () => (await others(pid)).length === 0,
	);

	process.kill(pid, "SIGTERM");
	const [code] = await closed;
	assert.equal(code, 0, said());
	assert.match(said(), /stopped: /);
});
