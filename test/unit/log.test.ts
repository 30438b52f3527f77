import assert from "node:assert/strict";
import { mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openLog } from "../../src/log.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const now = () => new Date(2026, 10, 22, 9, 28, 20);

test("one line for each event, in the original's format, from the level on", async (t) => {
	const file = join(await temporaryDirectory(t), "log");
	const log = openLog(file, "warning", now);
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

test("a log that is there is continued", async (t) => {
	const file = join(await temporaryDirectory(t), "log");
	for (const message of ["first", "second"]) {
		const log = openLog(file, "info", now);
		log.info(message);
		log.close();
	}
	assert.match(await readFile(file, "utf8"), /first\n.*second\n$/);
});

test("a message cannot fake or break lines", async (t) => {
	const file = join(await temporaryDirectory(t), "log");
	const log = openLog(file, "info", now);
	log.info("a\nb\r\u001b[31m\u0085\u2028\u007f");
	log.close();
	const text = await readFile(file, "utf8");
	assert.equal(
		text,
		"2026-11-22 09:28:20 [info] a\\nb\\u000d\\u001b[31m\\u0085\\u2028\\u007f\n",
	);
});

test("after rotation the log goes on in a new file", async (t) => {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "log");
	const log = openLog(file, "info", now);
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

test("a file that cannot be opened is the system's error", async (t) => {
	const directory = await temporaryDirectory(t);
	assert.throws(() => openLog(directory, "info"), { code: "EISDIR" });
});
