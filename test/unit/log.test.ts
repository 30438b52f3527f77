import assert from "node:assert/strict";
import { mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Log, type LogFormat, openLog } from "../../src/log.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const now = () => new Date(2026, 10, 22, 9, 28, 20);

test("writes one line for each event, in v1's format, from the minimum level", async (t) => {
	const file = join(await temporaryDirectory(t), "log");
	const log = openLog(file, "warning", { now });
	log.debug("no");
	log.info("no");
	log.warning("a warning");
	log.error("Access Denied RemoteAddr=127.0.0.2");
	log.close();
	assert.equal(
		await readFile(file, "utf8"),
		"2026-11-22 09:28:20 [warning] a warning\n2026-11-22 09:28:20 [error] Access Denied RemoteAddr=127.0.0.2\n",
	);
	assert.equal((await stat(file)).mode & 0o777, 0o640 & ~process.umask());
});

test("appends to an existing log", async (t) => {
	const file = join(await temporaryDirectory(t), "log");
	for (const message of ["first", "second"]) {
		const log = openLog(file, "info", { now });
		log.info(message);
		log.close();
	}
	assert.match(await readFile(file, "utf8"), /first\n.*second\n$/);
});

test("a message cannot fake or break lines", async (t) => {
	const file = join(await temporaryDirectory(t), "log");
	const log = openLog(file, "info", { now });
	log.info("a\nb\r\u001b[31m\u0085\u2028\u007f");
	log.close();
	const text = await readFile(file, "utf8");
	assert.equal(
		text,
		"2026-11-22 09:28:20 [info] a\\nb\\u000d\\u001b[31m\\u0085\\u2028\\u007f\n",
	);
});

test("continues in a new file after rotation", async (t) => {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "log");
	const log = openLog(file, "info", { now });
	log.info("before");
	await rename(file, `${file}.1`);
	log.info("still the old one");
	log.reopen();
	log.info("after");
	await rm(file);
	await mkdir(file);
	log.reopen();
	log.close();
	assert.match(await readFile(`${file}.1`, "utf8"), /before\n.*old one\n$/);
});

test("throws the system's error for a file that cannot be opened", async (t) => {
	const directory = await temporaryDirectory(t);
	assert.throws(() => openLog(directory, "info"), { code: "EISDIR" });
});

/** The contents of a new log after some writing. */
async function written(
	t: TestContext,
	format: LogFormat,
	write: (log: Log) => void,
): Promise<string> {
	const file = join(await temporaryDirectory(t), "log");
	const log = openLog(file, "debug", { format, now });
	write(log);
	log.close();
	return readFile(file, "utf8");
}

test("fields follow the message as in v1, quoted if necessary", async (t) => {
	const text = await written(t, "text", (log) => {
		log.info("Access", {
			client: "192.0.2.7:51234",
			status: 200,
			gone: undefined,
			found: true,
			ms: 0.5,
		});
		log.warning("Access", {
			blank: "a b",
			comma: "a,b=c",
			quote: 'say "x"',
			empty: "",
			slash: "a\\b",
		});
		log.debug("no fields", {});
	});
	assert.equal(
		text,
		[
			"2026-11-22 09:28:20 [info] Access client=192.0.2.7:51234,status=200,found=true,ms=0.5",
			String.raw`2026-11-22 09:28:20 [warning] Access blank="a b",comma="a,b=c",quote="say \"x\"",empty="",slash=a\b`,
			"2026-11-22 09:28:20 [debug] no fields",
			"",
		].join("\n"),
	);
});

test("json: one object per line, the time in UTC, fields beside the message", async (t) => {
	const text = await written(t, "json", (log) => {
		log.info("Access", { status: 200, path: '/"x"', gone: undefined });
		log.error("no fields");
	});
	const time = now().toISOString();
	assert.deepEqual(
		text
			.trimEnd()
			.split("\n")
			.map((line) => JSON.parse(line)),
		[
			{ time, level: "info", message: "Access", status: 200, path: '/"x"' },
			{ time, level: "error", message: "no fields" },
		],
	);
	assert.ok(text.endsWith("}\n"));
});

/** Characters that end a line somewhere, or control a terminal. */
const nasty = "a\nb\r\u0000\t\u001b[31m\u007f\u0085\u009b1m\u2028\u2029z";

for (const format of ["text", "json"] as const)
	test(`${format}: fields cannot fake or break lines either`, async (t) => {
		const text = await written(t, format, (log) =>
			log.info(`Access ${nasty}`, { path: nasty, blank: ` ${nasty}` }),
		);
		assert.doesNotMatch(text.trimEnd(), /[\p{Cc}\p{Zl}\p{Zp}]/u);
		assert.equal(text.indexOf("\n"), text.length - 1, "one line");
		if (format === "text") return;
		// and nothing is lost: a parser gets the original text
		const { message, path } = JSON.parse(text);
		assert.deepEqual(
			{ message, path },
			{ message: `Access ${nasty}`, path: nasty },
		);
	});

test("json: a field cannot replace time, level or message", async (t) => {
	const text = await written(t, "json", (log) =>
		log.info("Access", { path: '","level":"error","x":"' }),
	);
	assert.equal(JSON.parse(text).level, "info");
});

test("json: a lone surrogate becomes U+FFFD, so that every parser accepts the line", async (t) => {
	const text = await written(t, "json", (log) =>
		log.info("Access \ud83d", { path: "\udca9" }),
	);
	assert.doesNotMatch(text, /\\ud/i);
	const { message, path } = JSON.parse(text);
	assert.deepEqual(
		{ message, path },
		{ message: "Access \ufffd", path: "\ufffd" },
	);
});
