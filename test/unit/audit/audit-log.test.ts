import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
	appendFile,
	mkdir,
	readdir,
	readFile,
	rename,
	rm,
	stat,
	truncate,
	unlink,
	writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { AuditLogError, createAuditLog } from "../../../src/audit/audit-log.ts";
import { auditId, type ReadLine } from "../../../src/protocol/audit-line.ts";
import { recordingLog } from "../../support/agent.ts";
import { testDecision, verified } from "../../support/audit.ts";
import { eventually } from "../../support/eventually.ts";
import { nodeWithMounts } from "../../support/node-with-mounts.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

/** An audit log in a directory of its own. */
async function anAuditLog(t: TestContext, required = false) {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "audit.log");
	const { log, lines: logged } = recordingLog();
	const open = () => {
		const audit = createAuditLog({ file, required, log });
		t.after(() => audit.close());
		return audit;
	};
	return { directory, file, open, logged };
}

const linesOf = async (...files: string[]): Promise<ReadLine[]> => {
	const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
	return texts
		.join("")
		.split("\n")
		.filter((line) => line !== "")
		.map((line) => JSON.parse(line));
};

const eventsOf = async (...files: string[]) =>
	(await linesOf(...files)).map(({ event }) => event);

/** Asserts that nothing is wrong, and returns the notes. */
async function assertRight(...files: string[]) {
	const { findings, notes } = await verified(...files);
	assert.deepEqual(findings, []);
	return notes.map(({ text }) => text);
}

test("a decision is in the file when it resolves; the outcome follows with its id", async (t) => {
	const { file, open } = await anAuditLog(t);
	const audit = open();
	const id = auditId();
	await audit.decision(testDecision(id));
	const [start, decision] = await linesOf(file);
	assert.equal(start?.event, "start");
	const { time, prev, ...rest } = decision ?? { time: "", prev: "" };
	assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
	assert.match(prev, /^[0-9a-f]{64}$/);
	assert.deepEqual(rest, { n: 2, event: "decision", ...testDecision(id) });
	audit.outcome({ id, http_status: 200, exit_status: 2, milliseconds: 12 });
	await audit.close();
	const [, , outcome, stop] = await linesOf(file);
	assert.equal(outcome?.event, "outcome");
	assert.equal(outcome?.id, id);
	assert.equal(outcome?.exit_status, 2);
	assert.equal(stop?.event, "stop");
	assert.deepEqual(await assertRight(file), []);
	assert.equal((await stat(file)).mode & 0o777, 0o640);
	assert.deepEqual(audit.status(), {
		...{ file, written: 4, lost: 0, problem: undefined },
	});
});

test("a log that continues after a restart is one chain", async (t) => {
	const { file, open } = await anAuditLog(t);
	for (let round = 0; round < 3; round++) {
		const audit = open();
		await audit.decision(testDecision(auditId()));
		await audit.close();
	}
	assert.deepEqual(await assertRight(file), []);
	assert.equal((await linesOf(file)).at(-1)?.n, 9);
});

test("rotation by rename while lines are written loses none, and the chain goes on", async (t) => {
	const { file, open } = await anAuditLog(t);
	const audit = open();
	const ids: string[] = [];
	let isOver = false;
	const writer = (async () => {
		while (!isOver)
			await Promise.all(
				Array.from({ length: 5 }, () => {
					const id = auditId();
					ids.push(id);
					return audit.decision(testDecision(id));
				}),
			);
	})();
	const files: string[] = [];
	for (let n = 1; n <= 10; n++) {
		await rename(file, `${file}.${n}`);
		files.push(`${file}.${n}`);
		if (n % 2 === 0) audit.reopen();
		await eventually("a new file", () =>
			stat(file).then(
				({ size }) => size > 0,
				() => false,
			),
		);
	}
	isOver = true;
	await writer;
	await audit.close();
	files.push(file);
	assert.deepEqual(await assertRight(...files), []);
	const written = (await linesOf(...files)).flatMap(({ id }) => id ?? []);
	assert.deepEqual(written, ids);
});

test("reopening after a rotation makes the new file even if nothing is written", async (t) => {
	const { file, open } = await anAuditLog(t);
	const audit = open();
	await audit.decision(testDecision(auditId()));
	await rename(file, `${file}.1`);
	audit.reopen();
	await eventually("a new file", () =>
		stat(file).then(
			() => true,
			() => false,
		),
	);
	await audit.decision(testDecision(auditId()));
	await audit.close();
	assert.deepEqual(await assertRight(`${file}.1`, file), []);
	assert.deepEqual(await eventsOf(file), ["decision", "stop"]);
});

test("a deleted file is made again, and verification says where its lines are missing", async (t) => {
	const { file, open } = await anAuditLog(t);
	const audit = open();
	await audit.decision(testDecision(auditId()));
	await unlink(file);
	await audit.decision(testDecision(auditId()));
	await audit.close();
	const { findings, notes } = await verified(file);
	assert.deepEqual(findings, []);
	assert.match(notes[0]?.text ?? "", /is number 3: the lines before it/);
});

test("a file that is truncated, or written by others, is noticed", async (t) => {
	const { file, open, logged } = await anAuditLog(t);
	const audit = open();
	await audit.decision(testDecision(auditId()));
	await writeFile(`${file}.1`, await readFile(file));
	await truncate(file);
	await audit.decision(testDecision(auditId()));
	// copytruncate, as logrotate does it
	assert.deepEqual(await assertRight(`${file}.1`, file), []);
	assert.match(logged.join(), /was cut from \d+ to 0 bytes by another program/);
	await appendFile(file, "{}");
	await audit.decision(testDecision(auditId()));
	await audit.close();
	assert.match(logged.join(), /another program wrote 2 bytes/);
	const { findings } = await verified(`${file}.1`, file);
	assert.equal(findings.length, 1);
	assert.equal(findings[0]?.line, 2);
});

test("a file that is none is refused at the start", async (t) => {
	const { directory, file, open } = await anAuditLog(t);
	await writeFile(file, "root:x:0:0\n");
	assert.throws(open, {
		name: "AuditLogError",
		message: /is not an audit log/,
	});
	assert.equal(await readFile(file, "utf8"), "root:x:0:0\n");
	await rm(file);
	await mkdir(file);
	assert.throws(open, /^AuditLogError: audit-log \S+: is a directory$/);
	const { log } = recordingLog();
	const elsewhere = join(directory, "none/audit.log");
	assert.throws(
		() => createAuditLog({ file: elsewhere, required: false, log }),
		AuditLogError,
	);
});

test("a renamed file that cannot be made again goes on being written", async (t) => {
	const { directory, file, open, logged } = await anAuditLog(t);
	const audit = open();
	await audit.decision(testDecision(auditId()));
	await rename(file, join(directory, "old.log"));
	// not even root can make a file there
	await mkdir(file);
	await audit.decision(testDecision(auditId()));
	await audit.close();
	assert.match(logged.join(), /not reopened: is a directory/);
	assert.deepEqual(await assertRight(join(directory, "old.log")), []);
	assert.equal((await readdir(file)).length, 0);
});

test("a line that has no end after a crash is explained by the next line", async (t) => {
	const { file, open } = await anAuditLog(t);
	const first = open();
	await first.decision(testDecision(auditId()));
	await first.decision(testDecision(auditId()));
	await first.close();
	const whole = await readFile(file);
	// in every line: in the last one, and in one before it
	for (const bytes of [3, 100, 500]) {
		await writeFile(file, whole.subarray(0, whole.length - bytes));
		const { notes } = await verified(file);
		assert.match(notes.at(-1)?.text ?? "", /^has no end: the agent is writing/);
		const again = open();
		await again.decision(testDecision(auditId()));
		await again.close();
		const texts = await assertRight(file);
		assert.match(texts[0] ?? "", /^has no end, as the next line says/);
		const events = (await readFile(file, "utf8")).split("\n");
		assert.equal(JSON.parse(events.at(-5) ?? "").event, "cut");
	}
});

/** A process that writes an audit log. */
function aWriter(
	t: TestContext,
	file: string,
	[program, ...before]: readonly [string, ...string[]] = [process.execPath],
) {
	const child = spawn(
		program,
		[...before, join(process.cwd(), "build/test/support/audit-child.js"), file],
		{ stdio: ["pipe", "pipe", "inherit"] },
	);
	let said = "";
	child.stdout.setEncoding("utf8").on("data", (text: string) => {
		said += text;
	});
	child.stdin.on("error", () => {});
	t.after(() => child.kill("SIGKILL"));
	return {
		child,
		said: () => said,
		lines: (word: string) =>
			said
				.split("\n")
				.slice(0, -1)
				.filter((line) => line.startsWith(word)),
		exited: once(child, "close"),
	};
}

test("kill -9 loses no line of a decision that has resolved", async (t) => {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "audit.log");
	const known: string[] = [];
	for (let round = 0; round < 5; round++) {
		const { child, lines, exited } = aWriter(t, file);
		child.stdin.write("x".repeat(8_000));
		const wanted = 200 + round * 300;
		await eventually("lines", () => lines("written").length >= wanted);
		child.kill("SIGKILL");
		await exited;
		known.push(
			...lines("written").map((line) => line.slice("written ".length)),
		);
	}
	const last = aWriter(t, file);
	last.child.stdin.end("x");
	await last.exited;
	const notes = await assertRight(file);
	assert.equal(notes.filter((text) => text.includes("was killed")).length, 5);
	const text = await readFile(file, "utf8");
	const ids = new Set(
		[...text.matchAll(/"id":"([^"]+)","event":"decision"/g)].map(
			([, id]) => id,
		),
	);
	for (const id of known) assert.ok(ids.has(id), id);
	assert.ok(known.length > 1_000);
});

test("a file at the limit of its size: decisions are refused, and the file ends with a whole line", async (t) => {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "audit.log");
	const { child, lines, exited } = aWriter(t, file, [
		"/bin/sh",
		"-c",
		`ulimit -f 40 && exec "${process.execPath}" "$0" "$1"`,
	]);
	child.stdin.write("x".repeat(300));
	await eventually("all are answered", () => {
		return lines("written").length + lines("refused").length === 300;
	});
	assert.ok(lines("written").length > 0);
	assert.match(
		lines("refused")[0] ?? "",
		/^refused the audit log cannot be written: EFBIG/,
	);
	// the outcomes are still being tried
	let text = "";
	await eventually("a whole line at the end", async () => {
		text = await readFile(file, "utf8");
		return text.endsWith("}\n");
	});
	for (const line of lines("written"))
		assert.ok(text.includes(line.slice("written ".length)), line);
	for (const line of lines("refused")) assert.ok(line.includes("EFBIG"));
	// a rotation helps
	await rename(file, `${file}.1`);
	child.stdin.end("xx");
	await exited;
	const notes = await assertRight(`${file}.1`, file);
	assert.match(
		notes.join(),
		/could not write \d+ lines before this one: EFBIG/,
	);
	assert.deepEqual(
		(await eventsOf(file)).filter((event) => event === "decision").length,
		2,
	);
});

test("a full disk: decisions are refused until there is room again", async (t) => {
	const directory = await temporaryDirectory(t);
	const disk = join(directory, "disk");
	await mkdir(disk);
	const node = await nodeWithMounts(
		directory,
		`mount -t tmpfs -o size=64k none "${disk}" || exit 77
		head -c 40960 /dev/zero >"${disk}/filler"
		tail -f /dev/null --pid=$$ &
		`,
	);
	const { child, lines, said, exited } = aWriter(t, join(disk, "audit.log"), [
		node,
	]);
	let code: unknown;
	void exited.then(([status]) => {
		code = status;
	});
	await eventually("it is open", () => said().includes("open") || code === 77);
	if (code === 77) return t.skip("no right to mount");
	child.stdin.write("x".repeat(200));
	await eventually("all are answered", () => {
		return lines("written").length + lines("refused").length === 200;
	});
	assert.match(
		lines("refused")[0] ?? "",
		/written: no space left on the device$/,
	);
	// its mounts are only visible to it
	const inside = `/proc/${child.pid}/root${disk}`;
	await unlink(join(inside, "filler"));
	const before = lines("written").length;
	child.stdin.write("x");
	await eventually("it is written", () => lines("written").length > before);
	assert.match(said(), /audit-log \S+: works again after \d+ failures?/);
	const notes = await assertRight(join(inside, "audit.log"));
	assert.match(
		notes.join(),
		/could not write \d+ lines before this one: no space/,
	);
	child.stdin.end();
	await exited;
});

test("lines that are not required are lost on a full disk, and counted", async (t) => {
	const { file, open, logged } = await anAuditLog(t);
	const audit = open();
	await audit.decision(testDecision(auditId()));
	await audit.close();
	await audit.decision(testDecision(auditId()));
	assert.equal(audit.status().lost, 1);
	assert.equal(audit.status().problem, "it is closed");
	assert.match(logged.join(), /audit-log \S+: it is closed: lines are lost/);
	assert.equal((await linesOf(file)).length, 3);
});

test("ten thousand lines at once are written in few pieces, in order", async (t) => {
	const { file, open } = await anAuditLog(t);
	const audit = open();
	const ids = Array.from({ length: 9_000 }, auditId);
	await Promise.all(ids.map((id) => audit.decision(testDecision(id))));
	await audit.close();
	const lines = await linesOf(file);
	assert.deepEqual(
		lines.flatMap(({ id }) => id ?? []),
		ids,
	);
	await assertRight(file);
	assert.equal(audit.status().lost, 0);
});

test("more lines than memory may hold are refused", async (t) => {
	const { open } = await anAuditLog(t, true);
	const audit = open();
	const reason = "x".repeat(2_000);
	const results = await Promise.allSettled(
		Array.from({ length: 4_000 }, () =>
			audit.decision(testDecision(auditId(), { reason })),
		),
	);
	const refused = results.filter(({ status }) => status === "rejected");
	assert.ok(refused.length > 1_000 && refused.length < 3_000);
	assert.equal(audit.status().lost, refused.length);
	await audit.decision(testDecision(auditId()));
	assert.equal(audit.status().problem, undefined);
});
