import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createSupervisor } from "../../../src/agent/supervisor.ts";
import { testEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

/** A supervisor with a fake systemd-notify, or without one; and its warnings. */
async function withNotify(
	t: TestContext,
	script: string | undefined,
	more: NodeJS.ProcessEnv = {},
) {
	const directory = await temporaryDirectory(t);
	if (script !== undefined)
		await writeFile(
			join(directory, "systemd-notify"),
			`#!/bin/sh\ncd '${directory}'\n${script}\n`,
			{ mode: 0o755 },
		);
	const warnings: string[] = [];
	const supervisor = createSupervisor({
		engine: testEngine(),
		environment: {
			NOTIFY_SOCKET: "/run/test/notify",
			PATH: script === undefined ? directory : `${directory}:/usr/bin:/bin`,
			...more,
		},
		log: { warning: (message) => warnings.push(message) },
	});
	return { supervisor, directory, warnings };
}

test("starts nothing without a socket", async (t) => {
	for (const NOTIFY_SOCKET of [undefined, ""]) {
		const { supervisor, directory, warnings } = await withNotify(
			t,
			"echo run > run",
			{ NOTIFY_SOCKET },
		);
		await supervisor("READY=1");
		await assert.rejects(readFile(join(directory, "run")), { code: "ENOENT" });
		assert.deepEqual(warnings, []);
	}
});

test("systemd-notify gets each state as an argument, and only the variables that it needs", async (t) => {
	const { supervisor, directory, warnings } = await withNotify(
		t,
		`for a in "$@"; do echo "$a"; done > arguments; env > environment`,
		{ HAPPO_AGENT_PRIVATE_KEY_PASSPHRASE: "Xsecret" },
	);
	await supervisor("READY=1", "STATUS=listening on 127.0.0.1 port 6777");
	assert.deepEqual(warnings, []);
	assert.equal(
		await readFile(join(directory, "arguments"), "utf8"),
		"READY=1\nSTATUS=listening on 127.0.0.1 port 6777\n",
	);
	const environment = await readFile(join(directory, "environment"), "utf8");
	assert.match(environment, /^NOTIFY_SOCKET=\/run\/test\/notify$/m);
	assert.doesNotMatch(environment, /Xsecret/);
});

test("waits for systemd-notify, so that states arrive in order", async (t) => {
	const { supervisor, directory } = await withNotify(
		t,
		'sleep 0.2; echo "$1" >> said',
	);
	await supervisor("READY=1");
	await supervisor("STOPPING=1");
	assert.equal(
		await readFile(join(directory, "said"), "utf8"),
		"READY=1\nSTOPPING=1\n",
	);
});

test("warns of a missing program", async (t) => {
	const { supervisor, warnings } = await withNotify(t, undefined);
	await supervisor("READY=1");
	assert.equal(warnings.length, 1);
	assert.match(warnings[0] ?? "", /systemd-notify READY=1: .*ENOENT/);
});

test("warns of a failure with its standard error, or its status", async (t) => {
	const said = await withNotify(t, "echo 'no such socket' >&2; exit 1");
	await said.supervisor("READY=1");
	assert.deepEqual(said.warnings, ["systemd-notify READY=1: no such socket"]);
	const silent = await withNotify(t, "exit 3");
	await silent.supervisor("STOPPING=1");
	assert.deepEqual(silent.warnings, [
		"systemd-notify STOPPING=1: exit status 3",
	]);
});

test("endless output neither blocks nor fills the log", async (t) => {
	const { supervisor, warnings } = await withNotify(
		t,
		"head -c 300000 /dev/zero | tr '\\0' x; head -c 300000 /dev/zero | tr '\\0' x >&2; exit 1",
	);
	await supervisor("READY=1");
	assert.equal(warnings.length, 1);
	assert.ok((warnings[0] ?? "").length < 300);
});

test("a hanging program is killed after six seconds", async (t) => {
	const { supervisor, directory, warnings } = await withNotify(
		t,
		"echo $$ > pid; exec sleep 30",
	);
	const began = performance.now();
	const given = supervisor("READY=1");
	let pid = 0;
	await eventually("it runs", async () => {
		const text = await readFile(join(directory, "pid"), "utf8").catch(() => "");
		pid = Number(text);
		return text.endsWith("\n");
	});
	const isThere = () => {
		try {
			return process.kill(pid, 0);
		} catch {
			return false;
		}
	};
	t.after(() => {
		if (isThere()) process.kill(pid, "SIGKILL");
	});
	await given;
	const took = performance.now() - began;
	assert.ok(took > 4_000 && took < 8_000, `took ${took} ms`);
	assert.equal(warnings.length, 1);
	assert.match(warnings[0] ?? "", /^systemd-notify READY=1: /);
	// it would keep the agent alive
	await eventually("it is gone", () => !isThere(), 2_000);
});
