import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { components } from "../../../generated/schema.ts";
import { keyDigest } from "../../../src/policy/key.ts";
import { startTestAgent } from "../../support/agent.ts";
import { post, send } from "../../support/https.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { wholeFile } from "../../support/whole-file.ts";

type CommandList = components["schemas"]["CommandList"];

const file = wholeFile();

const key = "Xh3vY0mO-_qJ8sGf7dTzR1wKc5uNbLpAeVi2yQ4tU6E";

const policyText = (mode: string) => `version: 1
mode: ${mode}
who:
  local: { address: 127.0.0.1 }
  other: { address: 127.0.0.2 }
  holder: { key: holder }
keys: { holder: "${keyDigest(key)}" }
commands:
  disk:
    description: Free space of a file system
    run: [check_disk, -w, "{warning}", -p, "{path}", --token=fixedword]
    timeout: 30s
    slots:
      warning: { is: threshold, default: "20%" }
      path: { is: path, below: [/var, /srv], description: Where it is mounted }
  load:
    run: [check_load, "{options...}"]
    slots:
      options: { is: words, options: { -w: threshold, -u: { is: one-of, values: [a, b] }, -r: true }, default: "-w 5: -r" }
  login:
    run: [check_login, "{password}", "{more...}"]
    slots:
      password: { is: match, secret: true, pattern: hiddenpattern, default: hiddenpattern }
      more: { is: words, options: { -p: { is: one-of, values: [hiddenvalue], secret: true } } }
  uname: { run: [uname, -a], for: inventory }
rules:
  - { who: local, may: check, commands: [disk, load, login] }
  - { who: other, may: [check, inventory], commands: [disk, uname] }
  - { who: [local, other, holder], may: read-commands }
`;

async function agentWith(mode: string | undefined) {
	const directory = await temporaryDirectory(file);
	const policy = join(directory, "policy.yaml");
	if (mode) await writeFile(policy, policyText(mode));
	return startTestAgent(file, {
		...(mode && { policy }),
		"allowed-hosts": ["127.0.0.0/8"],
	});
}

const commandsFor = async (
	port: number,
	localAddress: string,
	body: object = {},
) => {
	const { status, json, text } = await send({
		...{ port, localAddress, method: "POST", path: "/commands" },
		body: JSON.stringify(body),
	});
	assert.equal(status, 200, text);
	return { text, list: json as CommandList };
};

test("a caller sees the commands that it may run, with their slots, and no others", async () => {
	const { port } = await agentWith("enforce");
	const { list, text } = await commandsFor(port, "127.0.0.1");
	assert.deepEqual(list, {
		mode: "enforce",
		commands: [
			{
				name: "disk",
				description: "Free space of a file system",
				for: "check",
				plugin: "check_disk",
				timeout_seconds: 30,
				slots: [
					{
						...{ name: "warning", type: "threshold", default: "20%" },
						...{ required: false, secret: false, several: false },
					},
					{
						...{ name: "path", type: "path", below: ["/var", "/srv"] },
						description: "Where it is mounted",
						...{ required: true, secret: false, several: false },
					},
				],
			},
			{
				name: "load",
				...{ for: "check", plugin: "check_load", timeout_seconds: null },
				slots: [
					{
						...{ name: "options", type: "words", default: "-w 5: -r" },
						...{ required: false, secret: false, several: true },
						options: [
							{ name: "-w", value: { type: "threshold", secret: false } },
							{
								name: "-u",
								value: { type: "one-of", secret: false, values: ["a", "b"] },
							},
							{ name: "-r" },
						],
					},
				],
			},
			{
				name: "login",
				...{ for: "check", plugin: "check_login", timeout_seconds: null },
				slots: [
					{
						...{ name: "password", type: "match" },
						...{ required: false, secret: true, several: false },
					},
					{
						...{ name: "more", type: "words" },
						...{ required: false, secret: true, several: true },
					},
				],
			},
		],
		plugins: [],
	});
	assert.doesNotMatch(text, /hidden|fixedword/);
	const other = await commandsFor(port, "127.0.0.2");
	assert.deepEqual(
		other.list.commands.map(({ name }) => name),
		["disk", "uname"],
	);
	assert.equal(other.list.commands[1]?.for, "inventory");
	// who may only read, has nothing to run
	const none = await commandsFor(port, "127.0.0.3", { apikey: key });
	assert.deepEqual(none.list.commands, []);
	const { status } = await send({
		...{ port, localAddress: "127.0.0.3", method: "POST", path: "/commands" },
		body: "{}",
	});
	assert.equal(status, 403);
});

test("without a policy, and while it observes, any plugin that exists may run", async () => {
	const agent = await agentWith(undefined);
	const { list } = await commandsFor(agent.port, "127.0.0.1");
	assert.equal(list.mode, "none");
	assert.deepEqual(list.commands, []);
	assert.ok(list.plugins.includes("check_exit"), list.plugins.join());
	// not executable
	assert.ok(!list.plugins.includes("check_nonexec"), list.plugins.join());
	assert.deepEqual(list.plugins, list.plugins.toSorted());
	const observing = await agentWith("observe");
	const observed = await commandsFor(observing.port, "127.0.0.2");
	assert.equal(observed.list.mode, "observe");
	assert.deepEqual(
		observed.list.commands.map(({ name }) => name),
		["disk", "uname"],
	);
	assert.deepEqual(observed.list.plugins, list.plugins);
});

test("a list of plugins has at most 1,000 names, and leaves out what cannot run", async () => {
	const directory = join(await temporaryDirectory(file), "plugins");
	await mkdir(join(directory, "check_directory"), { recursive: true });
	await writeFile(join(directory, "check_plain"), "x");
	for (let number = 0; number < 1_100; number++) {
		const plugin = join(directory, `check_${number}`);
		await writeFile(plugin, "#!/bin/sh\n", { mode: 0o755 });
	}
	const { port } = await startTestAgent(file, {
		"nagios-plugin-paths": [directory, "/nonexistent"],
	});
	const { json } = await post(port, "/commands", {});
	const { plugins } = json as CommandList;
	assert.equal(plugins.length, 1_000);
	assert.ok(plugins.every((name) => /^check_\d+$/.test(name)));
});
