import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { writeTestKeyPair } from "../support/agent.ts";
import { startProgram } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { send } from "../support/https.ts";
import { lacksPeer } from "../support/peer.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const run = promisify(execFile);
const logrotate = "/usr/sbin/logrotate";
const missing = existsSync(logrotate)
	? undefined
	: "logrotate is not installed";
const shipped = readFileSync("contrib/etc/logrotate.d/happo-agent", "utf8");
const unit = readFileSync(
	"contrib/usr/lib/systemd/system/happo-agent.service",
	"utf8",
);

/** The shipped configuration, changed to another directory, to the test's user and to one process. */
function derived(directory: string, pid: number | undefined): string {
	const me = ["-un", "-gn"]
		.map((flag) => execFileSync("id", [flag], { encoding: "utf8" }).trim())
		.join(" ");
	let text = shipped;
	for (const [pattern, replacement] of [
		[/^\/var\/log\/happo-agent\/\*\.log/m, `${directory}/*.log`],
		[/^\tsu happo-agent happo-agent$/m, `\tsu ${me}`],
		[/^\tcreate 0640 happo-agent happo-agent$/m, `\tcreate 0640 ${me}`],
		[
			/^\tpostrotate\n[\s\S]*?^\tendscript$/m,
			`\tpostrotate\n\t\tkill -HUP ${pid}\n\tendscript`,
		],
	] as const) {
		assert.match(text, pattern);
		text = text.replace(pattern, replacement);
	}
	return text;
}

/** The text of all logs in a directory, including compressed ones. */
async function lines(directory: string): Promise<string[]> {
	const names = (await readdir(directory)).filter((name) =>
		name.startsWith("agent.log"),
	);
	const texts = names.map(async (name) => {
		const content = await readFile(join(directory, name));
		return (name.endsWith(".gz") ? gunzipSync(content) : content).toString();
	});
	return (await Promise.all(texts)).flatMap((text) => text.split("\n"));
}

/** Number of occurrences of each match. */
function counts(among: readonly string[], pattern: RegExp) {
	const found = new Map<string, number>();
	for (const line of among) {
		const [, match] = pattern.exec(line) ?? [];
		if (match) found.set(match, (found.get(match) ?? 0) + 1);
	}
	return found;
}

/** Sends requests without a pause, each from another address, every second one from an address that is not allowed. */
function startLoad(port: number) {
	let isOver = false;
	const allowed: string[] = [];
	const denied: string[] = [];
	const loop = async () => {
		while (!isOver) {
			const isAllowed = allowed.length <= denied.length;
			const list = isAllowed ? allowed : denied;
			const high = Math.floor(list.length / 250);
			const low = 1 + (list.length % 250);
			const localAddress = `127.${isAllowed ? 1 : 2}.${high}.${low}`;
			list.push(localAddress);
			const { status } = await send({ port, localAddress });
			assert.equal(status, isAllowed ? 200 : 403, localAddress);
		}
	};
	const loops = Promise.all(Array.from({ length: 8 }, loop));
	loops.catch(() => {}); // stop() says it
	return {
		sent: () => allowed.length + denied.length,
		stop: async () => {
			isOver = true;
			await loops;
			return { allowed, denied };
		},
	};
}

test("the real logrotate with the shipped configuration, under load: no request fails, and each line is there once", async (t) => {
	if (lacksPeer(t, missing)) return;
	const directory = await temporaryDirectory(t);
	const pair = await writeTestKeyPair(directory);
	const file = join(directory, "agent.log");
	const agent = startProgram(
		t,
		[
			"daemon",
			...["-P", "0", "--listen-address", "127.0.0.1"],
			...["--allowed-hosts", "127.1.0.0/16"],
			...["-B", pair["public-key"], "-R", pair["private-key"]],
			...["-l", file, "--log-level", "info"],
		],
		{ directory },
	);
	let port = 0;
	await eventually("it listens", async () => {
		const text = await readFile(file, "utf8").catch(() => "");
		port = Number(/listening on \S+ port (\d+)/.exec(text)?.[1] ?? 0);
		return port !== 0;
	});
	const configuration = join(directory, "logrotate.conf");
	await writeFile(configuration, derived(directory, agent.process.pid), {
		mode: 0o644, // logrotate refuses one that its group may write
	});
	const load = startLoad(port);
	const rotate = async () => {
		const until = load.sent() + 100;
		await eventually("load goes on", () => load.sent() >= until, 30_000);
		const state = join(directory, "state");
		const { stderr } = await run(logrotate, [
			...["-f", "-s", state, configuration],
		]);
		assert.equal(stderr, "");
		// logrotate skips an empty log
		await eventually(
			"the agent has gone over to the new file",
			async () => (await stat(file)).size > 0,
		);
		assert.equal((await stat(file)).mode & 0o777, 0o640);
	};
	for (let n = 0; n < 3; n++) await rotate();
	const { allowed, denied } = await load.stop();
	agent.process.kill("SIGTERM");
	assert.equal((await agent.exited).code, 0);

	// the newest rotated file stays uncompressed for late lines
	assert.deepEqual(
		(await readdir(directory)).filter((name) => name.startsWith("agent.log")),
		["agent.log", "agent.log.1", "agent.log.2.gz", "agent.log.3.gz"],
	);
	const written = await lines(directory);
	const once = (addresses: readonly string[]) =>
		new Map(addresses.map((address) => [address, 1]));
	assert.deepEqual(
		counts(written, /\[info\] Access client=(127\.1\.\d+\.\d+):/),
		once(allowed),
	);
	assert.deepEqual(
		counts(written, /\[error\] Access Denied RemoteAddr=([\d.]+)$/),
		once(denied),
	);
});

test("the shipped logrotate file matches the unit", () => {
	assert.match(unit, /^User=happo-agent\nGroup=happo-agent$/m);
	assert.match(unit, /^LogsDirectory=happo-agent$/m);
	assert.match(unit, /^ExecReload=\/bin\/kill -HUP \$MAINPID$/m);
	assert.match(shipped, /^\t\t\tsystemctl reload happo-agent\.service$/m);
	assert.doesNotMatch(shipped, /^\s*copytruncate/m);
});
