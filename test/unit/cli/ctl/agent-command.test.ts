import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import {
	type AgentCall,
	createAgentCommand,
	everyHost,
} from "../../../../cli/ctl/agent-command.ts";
import { dataOf } from "../../../../cli/ctl/target/answer.ts";
import { eventually } from "../../../support/eventually.ts";
import { listedHost, startHostLister } from "../../../support/listed-hosts.ts";
import { runHere } from "../../../support/run-here.ts";
import { temporaryDirectory } from "../../../support/temporary.ts";

test("at most `parallel` hosts are asked at once; answers are in the order of the hosts", async () => {
	let now = 0;
	let most = 0;
	const targets = Array.from({ length: 20 }, (_, at) => at);
	const answers = await everyHost(
		targets,
		async (at) => {
			most = Math.max(most, ++now);
			await pause(at % 3);
			now--;
			return { host: String(at), ok: true as const, data: at };
		},
		4,
	);
	assert.deepEqual(
		answers.map(({ host }) => Number(host)),
		targets,
	);
	assert.equal(most, 4);
});

/** Runs work as a command that asks agents, with these flags. */
async function within(
	flags: readonly string[],
	work: (call: AgentCall<Record<never, never>>) => Promise<void>,
) {
	const command = createAgentCommand({
		...{ name: "try", summary: "", details: "", examples: [], settings: {} },
		async run(call) {
			await work(call);
			return 0;
		},
	});
	const program = { name: "happo-ctl", version: "2", commands: [command] };
	const { code, stderr } = await runHere(program, ["try", ...flags]);
	assert.deepEqual([code, stderr], [0, ""]);
}

test("no key is sent to a host whose line was removed", async (t) => {
	const directory = await temporaryDirectory(t);
	const [known, key] = [join(directory, "known"), join(directory, "key")];
	await writeFile(known, `127.0.0.1:1 ${"ab".repeat(32)}\n`);
	await writeFile(key, "0123456789abcdef", { mode: 0o600 });
	const flags = ["-H", "127.0.0.1:1", "--known-hosts", known];
	await within([...flags, "--key-file", key], async (call) => {
		const end = new AbortController();
		call.keepKnownHosts(end.signal, true);
		const [target] = call.targets;
		assert.ok(target);
		const reason = async () => {
			const answer = await call.askOne(target, (client) =>
				dataOf(client.GET("/status"), "/status"),
			);
			return answer.ok ? "" : answer.error.reason;
		};
		assert.equal(await reason(), "unreachable");
		await writeFile(known, "");
		await eventually("it is not asked", async () => {
			return (await reason()) === "untrusted";
		});
		end.abort();
	});
});

test("hosts can be listed again if they may change", async (t) => {
	const lister = await startHostLister(t, [listedHost(1)]);
	const { signal } = new AbortController();
	const group = ["--group", "WEB", "--endpoint", lister.endpoint];
	await within([...group, "-H", "127.0.0.1:9"], async (call) => {
		const names = async () =>
			(await call.listTargets?.(signal))?.map(({ name }) => name);
		assert.deepEqual(await names(), ["127.0.0.1:9", "127.0.0.1:1"]);
		lister.hosts = [listedHost(2)];
		assert.deepEqual(await names(), ["127.0.0.1:9", "127.0.0.1:2"]);
		lister.hosts = undefined;
		await assert.rejects(names(), /--endpoint .*: answered 503/);
		await assert.rejects(
			async () => call.listTargets?.(AbortSignal.abort()),
			/AbortError/,
		);
	});
	await within(["-H", "127.0.0.1:1"], async ({ listTargets }) => {
		assert.equal(listTargets, undefined);
	});
});
