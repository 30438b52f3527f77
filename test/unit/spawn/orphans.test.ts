import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { nativeMissing } from "../../support/engine.ts";

const module = (path: string) =>
	JSON.stringify(import.meta.resolve(`../../../src/${path}.js`));

/**
 * Runs a script with the native engine as `commands`, started by a program that sets up its
 * environment.
 */
function inSurroundings(surroundings: readonly string[], script: string) {
	const program = `import { readdirSync, readFileSync } from "node:fs";
		const { createCommands } = await import(${module("commands/command")});
		const { chooseEngine } = await import(${module("spawn/engine")});
		const { startingOpenFiles } = await import(${module("spawn/open-files")});
		const environment = { PATH: "/usr/bin:/bin" };
		const engine = chooseEngine("native", { environment, log: {}, openFiles: startingOpenFiles() });
		const commands = createCommands({ engine, outputLimitBytes: 1 << 20, environment, log: { error() {} } });
		const run = (...args) => commands.run({ file: "/bin/sh", args: ["-c", ...args] }, { timeoutMilliseconds: 60000 });
		${script}`;
	const [file = "", ...args] = surroundings;
	const { stdout, stderr, status } = spawnSync(
		file,
		[...args, process.execPath, "--input-type=module", "-e", program],
		{ encoding: "utf8", timeout: 60_000 },
	);
	assert.equal(stderr, "");
	assert.equal(status, 0);
	return stdout;
}

const skip = nativeMissing() ?? false;

test("PID 1 of a container reaps what plugins leave behind, and takes no plugin's status", {
	skip,
}, () => {
	const asRoot = process.getuid?.() === 0 ? [] : ["--map-root-user"];
	const stdout = inSurroundings(
		["unshare", ...asRoot, "--fork", "--pid", "--mount-proc", "--kill-child"],
		`const children = () => readdirSync("/proc").filter((entry) => {
			if (!/^\\d+$/.test(entry) || entry === "1") return false;
			try {
				const stat = readFileSync("/proc/" + entry + "/stat", "latin1");
				return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1] === "1";
			} catch { return false; }
		});
		const statuses = await Promise.all(Array.from({ length: 60 }, async (_, n) =>
			(await run("setsid sleep 0.0" + (n % 10) + " & (exit 1) & exit " + (n % 7))).exitStatus === n % 7));
		const deadline = performance.now() + 20000;
		while (children().length > 0 && performance.now() < deadline)
			await new Promise((resolve) => setTimeout(resolve, 20));
		console.log(process.pid, statuses.every(Boolean), children().length);
		await commands.close();
		process.exit();`,
	);
	assert.equal(stdout, "1 true 0\n");
});

test("plugins get the soft limit of open files from the shell that started the agent", {
	skip,
}, () => {
	const stdout = inSurroundings(
		["/bin/sh", "-c", 'ulimit -Sn 777; "$@"; exit $?', "sh"],
		`console.log((await run("ulimit -Sn")).stdout.text.trim());
		await commands.close();`,
	);
	assert.equal(stdout, "777\n");
});
