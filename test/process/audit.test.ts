import assert from "node:assert/strict";
import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createAuditLog } from "../../src/audit/audit-log.ts";
import { auditId } from "../../src/protocol/audit-line.ts";
import { recordingLog, writeTestKeyPair } from "../support/agent.ts";
import { testDecision } from "../support/audit.ts";
import { startDaemon, startProgram } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { ctl } from "../support/happo-ctl.ts";
import { send } from "../support/https.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const exists = (file: string) =>
	stat(file).then(
		() => true,
		() => false,
	);

test("the agent opens its audit log, reopens it on SIGHUP, and closes it at the stop", async (t) => {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "audit.log");
	const daemon = await startDaemon(
		t,
		[`--audit-log=${file}`, "--audit-required"],
		{ directory },
	);
	const { json } = await send({ port: daemon.port, path: "/status" });
	const { audit_log } = json as { audit_log: object };
	// the start, and the decision about this request
	assert.deepEqual(audit_log, { file, written: 2, lost: 0, problem: null });
	const page = await send({ port: daemon.port, path: "/metrics" });
	assert.match(page.text, /^happo_agent_audit_lines_lost_total 0$/m);
	await rename(file, `${file}.1`);
	daemon.process.kill("SIGHUP");
	await eventually("a new file", () => exists(file));
	assert.equal((await stat(file)).mode & 0o777, 0o640);
	assert.equal((await daemon.stop()).code, 0);
	const { code, stdout } = await ctl(t, ["audit", "verify", `${file}.1`, file]);
	assert.equal(code, 0, stdout);
	// the start, two lines for each request, the stop
	assert.match(stdout, /^6 lines, all linked: number 1 of /);
	assert.match(await readFile(file, "utf8"), /"event":"stop"/);
});

test("an audit log that cannot be opened, or is required and not named, aborts startup", async (t) => {
	const directory = await temporaryDirectory(t);
	const pair = await writeTestKeyPair(directory);
	for (const [flags, message] of [
		[
			["--audit-log", join(directory, "none/audit.log")],
			/audit-log \S+none\/audit\.log: no such file or directory\n$/,
		],
		[["--audit-required"], /audit-required: requires audit-log\n$/],
	] as const) {
		const { exited } = startProgram(
			t,
			[
				...["daemon", "-P", "0", "--listen-address", "127.0.0.1", "-l", "-"],
				...["-B", pair["public-key"], "-R", pair["private-key"], ...flags],
			],
			{ directory },
		);
		const { code, stderr } = await exited;
		assert.equal(code, 1);
		assert.match(stderr, message);
	}
});

test("happo-ctl audit verify names the line, and tells how sure it is", async (t) => {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "audit.log");
	const { log } = recordingLog();
	const audit = createAuditLog({ file, required: true, log });
	for (let n = 0; n < 20; n++) await audit.decision(testDecision(auditId()));
	await audit.close();
	const verify = (...words: string[]) => ctl(t, ["audit", "verify", ...words]);

	const right = await verify(file);
	assert.equal(right.code, 0);
	const [, hash = ""] = /^last line: ([0-9a-f]{64})$/m.exec(right.stdout) ?? [];
	assert.match(
		right.stdout,
		/^22 lines, all linked: number 1 of \S+ to number 22 of/,
	);
	assert.match(right.stdout, /does not show whether lines after the last one/);
	assert.equal((await verify("--expect", hash, file)).code, 0);

	const text = await readFile(file, "utf8");
	await writeFile(file, text.split("\n").slice(0, -2).join("\n"));
	const cut = await verify("--expect", hash, file);
	assert.equal(cut.code, 1);
	assert.match(cut.stdout, new RegExp(`^no line has the hash ${hash}$`, "m"));
	assert.match(cut.stdout, /^note: \S+ line 21: has no end/m);

	const lines = text.split("\n");
	lines[7] = lines[7]?.replace("/var", "/etc") ?? "";
	await writeFile(file, lines.join("\n"));
	const changed = await verify(file);
	assert.equal(changed.code, 1);
	assert.match(
		changed.stdout,
		/audit\.log line 8: was changed \(number 8, id \S{12}\): line 9 has the hash/,
	);
	const { code, stdout } = await verify("-o", "json", file);
	assert.equal(code, 1);
	const { ok, findings } = JSON.parse(stdout);
	assert.equal(ok, false);
	assert.equal(findings.length, 1);
	assert.equal(findings[0].line, 8);

	assert.equal((await verify(join(directory, "none"))).code, 2);
	assert.equal((await verify()).code, 2);
	assert.equal((await verify("--expect", "x", file)).code, 2);
	await writeFile(file, "");
	assert.equal((await verify(file)).code, 1);
});
