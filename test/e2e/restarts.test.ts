import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { kinds } from "../../cli/broker/frame.ts";
import { writeTestKeyPair } from "../support/agent.ts";
import { brokerClient, brokerHere, checkWords } from "../support/broker.ts";
import { clientOf } from "../support/client.ts";
import { program } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { post, send } from "../support/https.ts";
import { lacksPeer } from "../support/peer.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const activate = "systemd-socket-activate";
const missing =
	spawnSync(activate, ["--version"]).status === 0
		? undefined
		: `${activate} is not installed`;

/**
 * Keeps the socket, as systemd does, and starts an agent with it; starts another one for each line
 * that it reads, once the agent before it has ended.
 */
const keeper = `
while :; do
	( export LISTEN_PID=$BASHPID; exec "$@" ) &
	agent=$!
	read -r || break
	kill -TERM $agent
	wait $agent
	echo "ended with $?"
done
kill -TERM $agent
wait $agent
`;

/** An agent on a socket of systemd-socket-activate, with one fast and one slow plugin. */
async function restartable(t: TestContext) {
	const directory = await temporaryDirectory(t);
	const port = await freePort();
	const pair = await writeTestKeyPair(directory);
	await symlink("/bin/true", join(directory, "check_fast"));
	await writeFile(join(directory, "check_slow"), "#!/bin/sh\nsleep 0.6\n", {
		mode: 0o755,
	});
	await writeFile(join(directory, "keeper"), keeper);
	const kept = spawn(
		activate,
		[
			...["-l", `127.0.0.1:${port}`, "-E", "HAPPO_AGENT_ADMIN_SOCKET=none"],
			...["bash", join(directory, "keeper"), process.execPath, program],
			...["daemon", "-l", "-", "-d", join(directory, "db")],
			// as in the package, so that a busy machine does not end checks too early
			...["--nagios-plugin-paths", directory, "--stop-grace-seconds", "10"],
			...["-B", pair["public-key"], "-R", pair["private-key"]],
		],
		{ stdio: "pipe" },
	);
	let said = "";
	for (const stream of [kept.stdout, kept.stderr])
		stream.setEncoding("utf8").on("data", (text: string) => {
			said += text;
		});
	const exited = once(kept, "exit");
	// before it runs the keeper, it does not read
	let isStarted = false;
	const stop = async () => {
		if (isStarted) kept.stdin.end();
		else kept.kill();
		await exited;
	};
	t.after(stop);
	await eventually("it listens", () => /Listening on/.test(said));
	const count = (pattern: RegExp) => said.match(pattern)?.length ?? 0;
	isStarted = true;
	// the first connection has it start the agent
	assert.equal((await send({ port })).text, "OK");
	return {
		port,
		started: () => count(/happo-agent \S+ started/g),
		ended: () => count(/ended with 0$/gm),
		restart: () => kept.stdin.write("\n"),
		stop,
		said: () => said,
	};
}

/** At most this many checks wait for an answer: a slow machine gets fewer in a second. */
const maxOpen = 400;

/** Sends checks at a rate, until it is told to end, and counts what becomes of them. */
function load(
	t: TestContext,
	perSecond: number,
	ask: (plugin: string, number: number) => Promise<void>,
) {
	const failures: string[] = [];
	const open = new Set<Promise<void>>();
	const begun = performance.now();
	let last = begun;
	let due = 0;
	let asked = 0;
	let slowest = 0;
	const askOne = (number: number) => {
		const from = performance.now();
		const one = ask(number % 20 === 7 ? "check_slow" : "check_fast", number)
			.catch((error) => {
				failures.push(`${number}: ${(error as Error).message}`);
			})
			.then(() => {
				slowest = Math.max(slowest, performance.now() - from);
				open.delete(one);
			});
		open.add(one);
	};
	const timer = setInterval(() => {
		const now = performance.now();
		due += ((now - last) / 1000) * perSecond;
		last = now;
		for (; due >= 1 && open.size < maxOpen; due--) askOne(asked++);
		due = Math.min(due, perSecond);
	}, 5);
	t.after(() => clearInterval(timer));
	return {
		asked: () => asked,
		/** Checks that have no answer yet. */
		open: () => open.size,
		end: async () => {
			clearInterval(timer);
			const seconds = (performance.now() - begun) / 1000;
			await Promise.all(open);
			return { asked, seconds, slowest: Math.round(slowest), failures };
		},
	};
}

const restarts = Number(process.env.HAPPO_TEST_RESTARTS ?? 50);

test(`${restarts} restarts at 200 checks a second: no connection is refused, no check is lost`, async (t) => {
	if (lacksPeer(t, missing)) return;
	const agent = await restartable(t);
	const { port } = agent;
	const client = clientOf(t, port, {
		retries: 0,
		timeoutMilliseconds: 30_000,
	});
	const broker = await brokerHere(t);
	const asking = await brokerClient(t, broker.socket);
	const answers = new Map<number, (body: Buffer) => void>();
	void (async () => {
		for (;;) {
			const { id, kind, body } = await asking.next();
			if (kind === kinds.result) answers.get(id)?.(body);
		}
	})().catch(() => {});
	const ways: ((plugin: string) => Promise<void>)[] = [
		// a new connection for each check
		async (plugin) => {
			const { status, text } = await post(port, "/monitor", {
				plugin_name: plugin,
			});
			assert.equal(status, 200, text);
		},
		// kept connections
		async (plugin) => {
			const { data, error } = await client.POST("/monitor", {
				body: { plugin_name: plugin },
			});
			assert.equal(data?.return_value, 0, JSON.stringify(error));
		},
		async (plugin) => {
			const words = checkWords(port).filter(
				(word) => !word.startsWith("--plugin-name"),
			);
			const body = await new Promise<Buffer>((resolve) => {
				const id = asking.check(
					[...words, `--plugin-name=${plugin}`, "--timeout=30"],
					30_000,
				);
				answers.set(id, resolve);
			});
			assert.equal(body[0], 0, body.toString("utf8", 1));
		},
	];
	const running = load(t, 200, (plugin, number) =>
		(ways[number % ways.length] as (typeof ways)[0])(plugin),
	);
	for (let count = 1; count <= restarts; count++) {
		const before = running.asked();
		// not at the same moment after each start; most of those that waited have their answers, unless
		// the machine is too slow for that
		const from = performance.now();
		await eventually(
			"checks come in",
			() =>
				running.asked() >= before + 40 + (count % 7) * 10 &&
				(running.open() < maxOpen / 4 || performance.now() > from + 3_000),
			60_000,
		);
		agent.restart();
		await eventually(
			`restart ${count}`,
			() => agent.started() === count + 1,
			60_000,
		);
	}
	const result = await running.end();
	t.diagnostic(
		`${restarts} restarts: ${result.asked} checks in ${result.seconds.toFixed(1)} s, ${result.failures.length} failed, the slowest took ${result.slowest} ms`,
	);
	assert.deepEqual(result.failures.slice(0, 10), []);
	assert.equal(agent.ended(), restarts, agent.said());
	await agent.stop();
});
