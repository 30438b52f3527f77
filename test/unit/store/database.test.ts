import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
	chmodSync,
	cpSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import {
	type Database,
	openDatabase,
	type Range,
	StoreLocked,
	StoreUnavailable,
} from "../../../src/store/database.ts";
import { openLevel } from "../../../src/store/level.ts";
import { createScope, type Scope } from "../../support/scope.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const root = process.geteuid?.() === 0;
const everything = { from: "\0", before: "\uffff" };

type Ending = () => unknown;
const scopes = new WeakMap<TestContext, Scope>();

/** Cleans up when the test ends, last one first: a file system in use cannot be unmounted. */
function atEnd(t: TestContext, ending: Ending) {
	const known = scopes.get(t);
	if (known) return known.after(ending);
	const scope = createScope();
	scopes.set(t, scope);
	scope.after(ending);
	t.after(scope.end);
}

const temporary = (t: TestContext) =>
	temporaryDirectory({ after: (ending) => atEnd(t, ending as Ending) });

/** The lines of a log, each with its level. */
function recorder() {
	const lines: string[] = [];
	const at = (level: string) => (line: string) => {
		assert.doesNotMatch(line, /\n/);
		lines.push(`${level} ${line}`);
	};
	return {
		lines,
		log: { info: at("info"), warning: at("warning"), error: at("error") },
	};
}

async function opened(t: TestContext, directory: string, now?: () => Date) {
	const { lines, log } = recorder();
	const database = await openDatabase(
		now ? { directory, log, now } : { directory, log },
	);
	atEnd(t, () => database.close());
	return { database, lines };
}

async function newDirectory(t: TestContext) {
	return join(await temporary(t), "db");
}

const key = (row: number) => `m-${1_000_000_000 + row}`;

/** Text that does not compress. */
function filler(length: number): string {
	let text = "";
	while (text.length < length) text += Math.random().toString(36).slice(2);
	return text.slice(0, length);
}

/** Writes `count` rows of 1000 bytes, a hundred at a time. */
async function fill(database: Database, rows: number, length = 1000) {
	for (let row = 0; row < rows; row += 100)
		await database.write(
			Array.from({ length: Math.min(100, rows - row) }, (_, more) => ({
				put: key(row + more),
				value: `${row + more} ${filler(length)}`,
			})),
		);
}

async function all<T>(entries: AsyncIterable<T>): Promise<T[]> {
	const found: T[] = [];
	for await (const entry of entries) found.push(entry);
	return found;
}

async function keysOf(database: Database, range: Range = everything) {
	return all(database.keys(range));
}

const namesIn = (directory: string) => readdirSync(directory).sort();
const kept = (directory: string) =>
	namesIn(dirname(directory)).filter((name) => name.startsWith("db."));
const tables = (directory: string) =>
	namesIn(directory)
		.filter((name) => name.endsWith(".ldb"))
		.map((name) => join(directory, name));
const bytesIn = (directory: string) =>
	namesIn(directory).reduce(
		(sum, name) =>
			sum +
			(statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0),
		0,
	);

/** Checks that an error is one line with the reason. */
const unavailable = (reason: RegExp) => (error: unknown) => {
	assert.ok(error instanceof StoreUnavailable, String(error));
	assert.match(error.reason, reason);
	assert.equal(error.message, `the store cannot be used: ${error.reason}`);
	return true;
};

/** A small file system; undefined, and the test is skipped, without root. */
async function smallDisk(t: TestContext, size: string) {
	if (!root) {
		t.skip("needs root to mount a small tmpfs");
		return undefined;
	}
	const mount = await temporary(t);
	try {
		execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "none", mount]);
	} catch {
		t.skip("may not mount a small tmpfs");
		return undefined;
	}
	atEnd(t, () => execFileSync("umount", [mount]));
	return {
		directory: join(mount, "db"),
		ballast: join(mount, "ballast"),
		remount: (how: "ro" | "rw") =>
			execFileSync("mount", ["-o", `remount,${how}`, mount]),
	};
}

const childScript = join(import.meta.dirname, "../../support/store-child.js");

/** Another process with the store open; killed when the test ends. */
function child(t: TestContext, directory: string, bytes = 100) {
	const process_ = spawn(
		process.execPath,
		[childScript, directory, String(bytes)],
		{ stdio: ["pipe", "pipe", "inherit"] },
	);
	atEnd(t, () => kill(process_));
	const lines = createInterface({ input: process_.stdout })[
		Symbol.asyncIterator
	]();
	return {
		line: async () => (await lines.next()).value as string | undefined,
		row: () => process_.stdin.write("."),
		kill: () => kill(process_),
	};
}

async function kill(of: ChildProcess) {
	if (of.exitCode !== null || of.signalCode !== null) return;
	of.kill("SIGKILL");
	await once(of, "exit");
}

test("rows are written, read, listed in order and deleted", async (t) => {
	const { database, lines } = await opened(t, await newDirectory(t));
	const bytes = Uint8Array.from([0, 255, 128]);
	await database.write([
		{ put: "m-3", value: "three" },
		{ put: "m-1", value: bytes },
		{ put: "m-2", value: "zwei \u{1f600}" },
		{ put: "s-1", value: "" },
	]);
	assert.deepEqual(await database.read("m-1"), Buffer.from(bytes));
	assert.deepEqual(await database.read("m-2"), Buffer.from("zwei \u{1f600}"));
	assert.deepEqual(await database.read("s-1"), Buffer.alloc(0));
	assert.equal(await database.read("m-4"), undefined);
	const range = { from: "m-", before: "m." };
	assert.deepEqual(await keysOf(database, range), ["m-1", "m-2", "m-3"]);
	const reversed = { ...range, reverse: true, limit: 2 };
	assert.deepEqual(await all(database.rows(reversed)), [
		{ key: "m-3", value: Buffer.from("three") },
		{ key: "m-2", value: Buffer.from("zwei \u{1f600}") },
	]);
	assert.deepEqual(await keysOf(database, { from: "m-2", before: "m-3" }), [
		"m-2",
	]);
	await database.write([
		{ delete: "m-1" },
		{ delete: "nothing" },
		{ put: "m-2", value: "two" },
	]);
	assert.deepEqual(await keysOf(database), ["m-2", "m-3", "s-1"]);
	assert.equal(String(await database.read("m-2")), "two");
	await database.write([]);
	assert.equal(database.unavailable, undefined);
	assert.deepEqual(lines, []);
});

test("a listing is a snapshot, and can be abandoned", async (t) => {
	const { database } = await opened(t, await newDirectory(t));
	await fill(database, 1000);
	let seen = 0;
	for await (const { key: at, value } of database.rows(everything)) {
		if (seen === 0)
			await database.write([
				{ delete: key(999) },
				{ put: key(1000), value: "later" },
			]);
		assert.equal(at, key(seen));
		assert.match(String(value), new RegExp(`^${seen} `));
		seen++;
	}
	assert.equal(seen, 1000);
	for await (const at of database.keys(everything)) {
		assert.equal(at, key(0));
		break;
	}
});

test("a caller's mistake does not count as a failure of the store", async (t) => {
	const { database, lines } = await opened(t, await newDirectory(t));
	await assert.rejects(
		database.read(undefined as unknown as string),
		(error) => !(error instanceof StoreUnavailable),
	);
	await assert.rejects(
		database.write([{ put: "a", value: undefined as unknown as string }]),
		TypeError,
	);
	await database.write([{ put: "a", value: "b" }]);
	assert.deepEqual(lines, []);
});

test("closing waits for writes, and can be repeated", async (t) => {
	const directory = await newDirectory(t);
	const first = await opened(t, directory);
	const writes = Array.from({ length: 20 }, (_, row) =>
		first.database.write([{ put: key(row), value: filler(10_000) }]),
	);
	await Promise.all([first.database.close(), first.database.close()]);
	await Promise.all(writes);
	const closed = unavailable(/^closed: \/.*\/db$/);
	await assert.rejects(first.database.read("a"), closed);
	await assert.rejects(first.database.write([{ delete: "a" }]), closed);
	await assert.rejects(keysOf(first.database), closed);
	assert.deepEqual(first.database.properties(["stats"]), { stats: "" });
	const second = await opened(t, directory);
	assert.equal((await keysOf(second.database)).length, 20);
	assert.deepEqual(second.lines, []);
});

test("the directory is created with mode 0700", async (t) => {
	const parent = await temporary(t);
	const directory = join(parent, "not", "yet", "db");
	await opened(t, directory);
	for (const path of [directory, join(parent, "not", "yet")])
		assert.equal(statSync(path).mode & 0o777, 0o700);
});

test("a directory that other users may enter is closed to them, and this is logged", async (t) => {
	const directory = await newDirectory(t);
	mkdirSync(directory);
	chmodSync(directory, 0o755);
	const { database, lines } = await opened(t, directory);
	assert.equal(statSync(directory).mode & 0o777, 0o700);
	await database.close();
	chmodSync(directory, 0o750);
	lines.push(...(await opened(t, directory)).lines);
	assert.equal(statSync(directory).mode & 0o777, 0o700);
	assert.deepEqual(lines, [
		`info closed the store's directory to other users: ${directory} had mode 0755, now has 0700`,
		`info closed the store's directory to other users: ${directory} had mode 0750, now has 0700`,
	]);
});

test("a directory that contains other files keeps its mode", async (t) => {
	const directory = await newDirectory(t);
	mkdirSync(directory);
	chmodSync(directory, 0o777);
	writeFileSync(join(directory, "letter"), "");
	const { lines } = await opened(t, directory);
	assert.equal(statSync(directory).mode & 0o777, 0o777);
	assert.deepEqual(lines, [
		`warning the store's directory is open to other users, and left so because it is not only ours: ${directory} has mode 0777`,
	]);
});

test("a database of v1 is opened and read", async (t) => {
	const directory = await newDirectory(t);
	cpSync("test/fixtures/original-db", directory, { recursive: true });
	const { machine_states } = JSON.parse(
		readFileSync("test/fixtures/original-db.expected.json", "utf8"),
	) as { machine_states: Record<string, string> };
	const { database } = await opened(t, directory);
	const states: Record<string, string> = {};
	for await (const { key: at, value } of database.rows({
		from: "s-",
		before: "s.",
	}))
		states[at] = String(value);
	assert.deepEqual(states, machine_states);
	for await (const { key: at, value } of database.rows({
		from: "m-",
		before: "m.",
	})) {
		assert.match(at, /^m-\d{10}$/);
		assert.deepEqual([...value.subarray(0, 2)], [0x0d, 0xff]);
	}
	assert.deepEqual(kept(directory), []);
});

test("a second process is refused, and so is a second opening by this process", async (t) => {
	const directory = await newDirectory(t);
	const first = child(t, directory);
	assert.equal(await first.line(), "open");
	const locked = (by: RegExp) => (error: unknown) => {
		assert.ok(error instanceof StoreLocked, String(error));
		assert.match(error.message, by);
		assert.ok(error.message.endsWith(`: ${directory}`));
		return true;
	};
	const { lines, log } = recorder();
	await assert.rejects(
		openDatabase({ directory, log }),
		locked(/in use by process \d+ \(node store-child\.js\)/),
	);
	await first.kill();
	const { database } = await opened(t, directory);
	await assert.rejects(
		openDatabase({ directory, log }),
		locked(/in use by this process already/),
	);
	// LevelDB itself would have dropped its lock on this second attempt
	const third = child(t, directory);
	assert.match(
		(await third.line()) ?? "",
		new RegExp(`^Error: the store is in use by process ${process.pid} `),
	);
	await database.write([{ put: "a", value: "b" }]);
	assert.deepEqual(lines, []);
});

test("a range is deleted and its disk space reclaimed", async (t) => {
	const directory = await newDirectory(t);
	const { database } = await opened(t, directory);
	await fill(database, 3000);
	await database.write([{ put: "s-1", value: "state" }]);
	const before = bytesIn(directory);
	assert.ok(before > 3_000_000);
	assert.equal(await database.clear({ from: key(0), before: key(2900) }), true);
	assert.equal(
		await database.clear({ from: key(0), before: key(2900) }),
		false,
	);
	assert.equal((await keysOf(database)).length, 101);
	assert.ok(bytesIn(directory) < before / 5, `${bytesIn(directory)}`);
	assert.equal(String(await database.read("s-1")), "state");
});

test("compaction reclaims the space of single deletes", async (t) => {
	const directory = await newDirectory(t);
	const { database } = await opened(t, directory);
	await fill(database, 2000);
	await database.write(
		Array.from({ length: 2000 }, (_, row) => ({ delete: key(row) })),
	);
	const before = bytesIn(directory);
	await database.compact();
	assert.ok(bytesIn(directory) < before / 5, `${bytesIn(directory)}`);
});

test("LevelDB's own properties are available by name", async (t) => {
	const { database } = await opened(t, await newDirectory(t));
	const found = database.properties(["stats", "num-files-at-level0", "other"]);
	assert.match(found.stats ?? "", /^ +Compactions\n/);
	assert.equal(found["num-files-at-level0"], "0");
	assert.equal(found.other, "");
});

test("without permission the store waits until it is granted", async (t) => {
	const parent = await temporary(t);
	chmodSync(parent, 0o755);
	const directory = join(parent, "db");
	mkdirSync(directory);
	// without root's user ID, even root's capabilities do not override the mode
	const allow = (yes: boolean) => {
		if (root) process.seteuid?.(0);
		chmodSync(directory, yes ? 0o700 : 0o500);
		if (root && !yes) process.seteuid?.(65_534);
	};
	atEnd(t, () => allow(true));
	allow(false);
	const { database, lines } = await opened(t, directory);
	const denied = /: Permission denied$|EACCES: permission denied/;
	assert.match(database.unavailable ?? "", denied);
	await assert.rejects(
		database.write([{ put: "a", value: "b" }]),
		unavailable(denied),
	);
	await assert.rejects(database.read("a"), unavailable(denied));
	await assert.rejects(keysOf(database), unavailable(denied));
	await assert.rejects(database.clear(everything), unavailable(denied));
	await assert.rejects(database.compact(), unavailable(denied));
	assert.deepEqual(database.properties(["stats"]), { stats: "" });
	allow(true);
	assert.deepEqual(namesIn(directory), []);
	await database.write([{ put: "a", value: "b" }]);
	assert.equal(database.unavailable, undefined);
	assert.equal(lines.length, 2);
	assert.match(lines[0] ?? "", /^error the store cannot be used: .*denied/);
	assert.equal(lines[1], `info the store works again: ${directory}`);
	assert.deepEqual(kept(directory), []);
});

test("a path that cannot be a directory is reported as the reason", async (t) => {
	const directory = join(await temporary(t), "db");
	writeFileSync(directory, "");
	const { database, lines } = await opened(t, directory);
	assert.match(database.unavailable ?? "", /not a directory/);
	rmSync(directory);
	await database.write([{ put: "a", value: "b" }]);
	assert.equal(database.unavailable, undefined);
	// a reason that comes and goes is logged once as an error
	for (let n = 0; n < 3; n++) {
		rmSync(directory, { recursive: true });
		await assert.rejects(database.write([{ put: "a", value: "c" }]));
		await database.write([{ put: "a", value: "d" }]);
	}
	const errors = lines.filter((line) => line.startsWith("error"));
	assert.equal(errors.length, 2, lines.join("\n"));
	assert.match(errors[0] ?? "", /not a directory/);
	assert.match(errors[1] ?? "", /was removed or replaced/);
});

test("a store that another process opened meanwhile is used once it is released", async (t) => {
	const directory = await newDirectory(t);
	writeFileSync(directory, "");
	const { database } = await opened(t, directory);
	rmSync(directory);
	const other = child(t, directory);
	assert.equal(await other.line(), "open");
	await assert.rejects(
		database.read("a"),
		unavailable(/in use by process \d+ /),
	);
	await other.kill();
	assert.equal(await database.read("a"), undefined);
});

test("a store on a file system that became read-only works again afterwards", async (t) => {
	const disk = await smallDisk(t, "4m");
	if (!disk) return;
	const { directory } = disk;
	const readOnly = /: Read-only file system$|EROFS: read-only file system/;
	disk.remount("ro");
	const fresh = await opened(t, directory);
	assert.match(fresh.database.unavailable ?? "", readOnly);
	disk.remount("rw");
	await fresh.database.write([{ put: "a", value: "b" }]);
	await fresh.database.close();
	const names = namesIn(directory);
	disk.remount("ro");
	const { database, lines } = await opened(t, directory);
	for (let times = 0; times < 3; times++)
		await assert.rejects(
			database.write([{ put: "a", value: "c" }]),
			unavailable(readOnly),
		);
	assert.deepEqual(namesIn(directory), names);
	disk.remount("rw");
	assert.equal(String(await database.read("a")), "b");
	await database.write([{ put: "a", value: "c" }]);
	assert.equal(lines.length, 2);
	assert.equal(lines[1], `info the store works again: ${directory}`);
	assert.deepEqual(kept(directory), []);
	await database.close();
});

test("a full disk refuses writes, and those accepted before and after are kept", async (t) => {
	const disk = await smallDisk(t, "4m");
	if (!disk) return;
	const { directory, ballast } = disk;
	writeFileSync(ballast, Buffer.alloc(2.5 * 1024 * 1024));
	const { database, lines } = await opened(t, directory);
	const accepted: string[] = [];
	const write = async (row: number) => {
		await database.write([{ put: key(row), value: filler(20_000) }]);
		accepted.push(key(row));
	};
	const full = unavailable(/: No space left on device$/);
	let row = 0;
	await assert.rejects(async () => {
		for (; row < 200; row++) await write(row);
	}, full);
	for (let times = 0; times < 5; times++)
		await assert.rejects(write(row), full);
	assert.match(database.unavailable ?? "", /No space left on device$/);
	rmSync(ballast);
	for (let more = 1; more <= 10; more++) await write(row + more);
	assert.equal(database.unavailable, undefined);
	await database.close();
	const again = await opened(t, directory);
	const there = await keysOf(again.database);
	assert.deepEqual(
		accepted.filter((at) => !there.includes(at)),
		[],
	);
	assert.equal(lines.length, 2, lines.join("\n"));
	assert.match(
		lines[0] ?? "",
		/^error the store cannot be used: .*No space left on device; nothing was moved or deleted/,
	);
	assert.equal(lines[1], `info the store works again: ${directory}`);
	assert.deepEqual(kept(directory), []);
	await again.database.close();
});

test("a listing continues when a failed write reopens the database", async (t) => {
	const disk = await smallDisk(t, "8m");
	if (!disk) return;
	const { directory, ballast } = disk;
	const { database } = await opened(t, directory);
	await fill(database, 500);
	writeFileSync(ballast, Buffer.alloc(6.5 * 1024 * 1024));
	const seen: string[] = [];
	for await (const at of database.rows({ ...everything, limit: 400 })) {
		if (seen.push(at.key) !== 1) continue;
		await assert.rejects(
			database.write([{ put: "x", value: filler(2_000_000) }]),
			unavailable(/: No space left on device$/),
		);
		rmSync(ballast);
	}
	assert.deepEqual(
		seen,
		Array.from({ length: 400 }, (_, row) => key(row)),
	);
});

test("kill -9 after a full disk loses no accepted write", async (t) => {
	const disk = await smallDisk(t, "4m");
	if (!disk) return;
	const { directory, ballast } = disk;
	writeFileSync(ballast, Buffer.alloc(2.5 * 1024 * 1024));
	const other = child(t, directory, 20_000);
	assert.equal(await other.line(), "open");
	const accepted: string[] = [];
	const next = async () => {
		other.row();
		const [word = "", ...more] = (await other.line())?.split(" ") ?? [];
		if (word === "acknowledged") accepted.push(more.join(" "));
		return word;
	};
	while ((await next()) === "acknowledged") assert.ok(accepted.length < 200);
	assert.equal(await next(), "refused");
	rmSync(ballast);
	const before = accepted.length;
	for (let row = 0; row < 10; row++) assert.equal(await next(), "acknowledged");
	assert.equal(accepted.length, before + 10);
	await other.kill();
	const { database } = await opened(t, directory);
	const there = await keysOf(database);
	assert.deepEqual(
		accepted.filter((at) => !there.includes(at)),
		[],
	);
	await database.close();
});

test("a write is on disk before it is acknowledged", async (t) => {
	const directory = await newDirectory(t);
	const trace = join(dirname(directory), "trace");
	const strace = spawn(
		"strace",
		[
			...["-f", "-y", "-o", trace, "-e", "trace=write,fdatasync,fsync"],
			...[process.execPath, childScript, directory],
		],
		{ stdio: ["pipe", "pipe", "ignore"] },
	);
	const ended = once(strace, "exit");
	if (!(await once(strace, "spawn").catch(() => undefined)))
		return t.skip("needs strace");
	atEnd(t, () => kill(strace));
	const lines = createInterface({ input: strace.stdout })[
		Symbol.asyncIterator
	]();
	if ((await lines.next()).value !== "open")
		return t.skip("may not trace processes");
	for (let row = 0; row < 20; row++) {
		strace.stdin.write(".");
		assert.equal((await lines.next()).value, `acknowledged ${key(row)}`);
	}
	strace.stdin.end();
	await ended;
	let written = false;
	let synced = false;
	let acknowledged = 0;
	for (const call of readFileSync(trace, "utf8").split("\n"))
		if (/\bwrite\(\d+<[^>]*\/\d+\.log>/.test(call)) {
			written = true;
			synced = false;
		} else if (/\b(fdatasync|fsync)\(\d+<[^>]*\/\d+\.log>.*= 0$/.test(call))
			synced = written;
		else if (/\b(fdatasync|fsync) resumed.*= 0$/.test(call)) synced = written;
		else if (call.includes('"acknowledged ')) {
			assert.ok(synced, `${acknowledged} writes were on disk before theirs`);
			acknowledged++;
			written = synced = false;
		}
	assert.equal(acknowledged, 20);
});

/** A database of several tables, with the newest rows only in the log. */
async function several(t: TestContext) {
	const directory = await newDirectory(t);
	const { log } = recorder();
	const database = await openDatabase({ directory, log });
	await fill(database, 3000);
	await database.compact();
	await database.write([{ put: "s-1", value: "in the log" }]);
	await database.close();
	assert.ok(tables(directory).length >= 2);
	return directory;
}

const damages: Record<string, (directory: string) => void> = {
	"CURRENT is missing": (directory) => rmSync(join(directory, "CURRENT")),
	"CURRENT is empty": (directory) =>
		writeFileSync(join(directory, "CURRENT"), ""),
	"CURRENT names nothing": (directory) =>
		writeFileSync(join(directory, "CURRENT"), "rubbish\n"),
	"the manifest is missing": (directory) => {
		const name = readFileSync(join(directory, "CURRENT"), "utf8").trim();
		rmSync(join(directory, name));
	},
	"the manifest is broken": (directory) => {
		const name = readFileSync(join(directory, "CURRENT"), "utf8").trim();
		writeFileSync(join(directory, name), Buffer.alloc(100, 0x55));
	},
};

for (const [name, damage] of Object.entries(damages))
	test(`repaired without loss: ${name}`, async (t) => {
		const directory = await several(t);
		damage(directory);
		const before = namesIn(directory).filter((file) => file !== "LOCK");
		const now = () => new Date("2026-11-22T15:01:45.123Z");
		const { database, lines } = await opened(t, directory, now);
		assert.equal(database.unavailable, undefined);
		assert.equal((await keysOf(database)).length, 3001);
		assert.equal(String(await database.read("s-1")), "in the log");
		await database.write([{ put: "m-2", value: "goes on" }]);
		assert.deepEqual(kept(directory), ["db.damaged-20261122T150145"]);
		const copy = `${directory}.damaged-20261122T150145`;
		assert.equal(statSync(copy).mode & 0o777, 0o700);
		const copied = namesIn(copy);
		assert.deepEqual(
			before.filter((file) => /\.(ldb|log)$/.test(file)),
			copied.filter((file) => /\.(ldb|log)$/.test(file)),
		);
		assert.equal(lines.length, 2);
		assert.match(lines[0] ?? "", /^error the store is damaged \(.+\): repair/);
		assert.ok(lines[0]?.endsWith(`is kept in ${copy}`));
		assert.match(lines[1] ?? "", /^warning the store is repaired/);
		for (const left of ["lost", "repairing"])
			assert.ok(!existsSync(join(directory, left)), left);
	});

test("a missing table loses only its own rows", async (t) => {
	const directory = await several(t);
	rmSync(tables(directory)[0] ?? "");
	const { database, lines } = await opened(t, directory);
	const there = await keysOf(database);
	assert.ok(there.length > 500 && there.length < 3000, `${there.length}`);
	assert.ok(there.includes("s-1"));
	assert.match(lines[0] ?? "", /damaged \(Corruption: 1 missing files/);
});

const broken: Record<string, (bytes: Buffer) => Buffer> = {
	"its end is gone": (bytes) => bytes.subarray(0, bytes.length >> 1),
	"its footer is wrong": (bytes) => bytes.fill(0, bytes.length - 20),
	"its middle is wrong": (bytes) =>
		bytes.fill(0xff, bytes.length >> 1, (bytes.length >> 1) + 5000),
	"it is empty": () => Buffer.alloc(0),
};

/** Breaks one table whose keys lie between those of others. */
function breakTable(directory: string, how: (bytes: Buffer) => Buffer) {
	const path = tables(directory)[1] ?? "";
	writeFileSync(path, how(readFileSync(path)));
}

for (const [name, how] of Object.entries(broken)) {
	test(`a listing repairs a damaged table and continues: ${name}`, async (t) => {
		const directory = await several(t);
		breakTable(directory, how);
		const { database, lines } = await opened(t, directory);
		assert.equal(database.unavailable, undefined);
		// opening compares the size with MANIFEST, but does not read the content
		const isSeen = /end is gone|is empty/.test(name);
		assert.equal(lines.length, isSeen ? 2 : 0);
		const there = await keysOf(database);
		assert.deepEqual(there, [...new Set(there)].sort());
		assert.ok(there.length > 500 && there.length < 3001, `${there.length}`);
		assert.ok(there.includes(key(0)) && there.includes("s-1"));
		assert.equal(lines.length, 2, lines.join("\n"));
		assert.equal(kept(directory).length, 1);
		assert.deepEqual(await keysOf(database), there);
		const reversed = await keysOf(database, { ...everything, reverse: true });
		assert.deepEqual(reversed.reverse(), there);
	});

	test(`a read repairs a damaged table: ${name}`, async (t) => {
		const directory = await several(t);
		breakTable(directory, how);
		const { database, lines } = await opened(t, directory);
		const found = await Promise.all(
			Array.from({ length: 3000 }, (_, row) => database.read(key(row))),
		);
		const count = found.filter((value) => value !== undefined).length;
		assert.ok(count > 500 && count < 3000, `${count}`);
		assert.equal(lines.length, 2, lines.join("\n"));
		await database.write([{ put: "a", value: "goes on" }]);
		assert.equal(kept(directory).length, 1);
	});
}

test("a compaction repairs the damage that it finds", async (t) => {
	const directory = await several(t);
	breakTable(directory, broken["its footer is wrong"] ?? ((bytes) => bytes));
	const { database, lines } = await opened(t, directory);
	await database.write([{ put: key(0), value: "again" }]);
	assert.equal(await database.clear({ from: key(0), before: key(2990) }), true);
	const there = await keysOf(database, { from: "m-", before: "m." });
	assert.ok(there.every((at) => at >= key(2990)));
	assert.equal(kept(directory).length, 1, lines.join("\n"));
	assert.equal(database.unavailable, undefined);
});

test("damage that recurs within ten minutes is not repaired at once, so that copies do not fill the disk", async (t) => {
	const directory = await several(t);
	let time = Date.parse("2026-11-22T15:00:00Z");
	const now = () => new Date(time);
	rmSync(join(directory, "CURRENT"));
	await (await opened(t, directory, now)).database.close();
	rmSync(join(directory, "CURRENT"));
	time += 9 * 60_000;
	const { database, lines } = await opened(t, directory, now);
	const before = namesIn(directory);
	const again = unavailable(/damaged again within ten minutes of a repair/);
	await assert.rejects(database.read("s-1"), again);
	assert.deepEqual(namesIn(directory), before);
	time += 2 * 60_000;
	assert.equal(String(await database.read("s-1")), "in the log");
	assert.deepEqual(kept(directory), [
		"db.damaged-20261122T150000",
		"db.damaged-20261122T151100",
	]);
	assert.equal(lines.length, 4, lines.join("\n"));
	assert.equal(lines.at(-1), `info the store works again: ${directory}`);
});

test("an interrupted repair starts again, and keeps the copy made before it", async (t) => {
	const directory = await several(t);
	const whole = `${directory}.damaged-20261122T150000`;
	cpSync(directory, whole, { recursive: true });
	// as in the middle of a repair: log and manifests are moved away
	mkdirSync(join(directory, "lost"));
	for (const name of namesIn(directory))
		if (/^MANIFEST-/.test(name))
			renameSync(join(directory, name), join(directory, "lost", name));
	const { log } = recorder();
	// as the repair writes it, without a checksum
	const journal = await openLevel(join(directory, "repairing"), true);
	await journal.put("kept", Buffer.from(whole));
	await assert.rejects(openDatabase({ directory, log }), StoreLocked);
	await journal.close();
	const { database, lines } = await opened(t, directory);
	assert.equal((await keysOf(database)).length, 3001);
	assert.deepEqual(kept(directory), ["db.damaged-20261122T150000"]);
	assert.ok(lines[0]?.endsWith(` is kept in ${whole}`));
	for (const left of ["lost", "repairing"])
		assert.ok(!existsSync(join(directory, left)), left);
});

test("damage is repaired once there is room for a copy", async (t) => {
	const disk = await smallDisk(t, "16m");
	if (!disk) return;
	const { directory, ballast } = disk;
	cpSync(await several(t), directory, { recursive: true });
	chmodSync(directory, 0o700);
	rmSync(join(directory, "CURRENT"));
	writeFileSync(ballast, Buffer.alloc(11 * 1024 * 1024));
	const before = namesIn(directory);
	const { database, lines } = await opened(t, directory);
	const room =
		/damaged, and no room for a copy and a repair \(\d+ bytes needed\)/;
	await assert.rejects(database.read("s-1"), unavailable(room));
	assert.deepEqual(namesIn(directory), before);
	assert.deepEqual(kept(directory), []);
	rmSync(ballast);
	assert.equal(String(await database.read("s-1")), "in the log");
	assert.equal((await keysOf(database)).length, 3001);
	assert.equal(lines.length, 4, lines.join("\n"));
	await database.close();
});

test("missing permission is not damage: an unreadable manifest is not repaired", async (t) => {
	const directory = await several(t);
	if (root) {
		chmodSync(dirname(directory), 0o755);
		execFileSync("chown", ["-R", "65534:65534", directory]);
		process.seteuid?.(65_534);
		atEnd(t, () => process.seteuid?.(0));
	}
	const current = join(directory, "CURRENT");
	const manifest = join(directory, readFileSync(current, "utf8").trim());
	for (const path of [manifest, current]) {
		chmodSync(path, 0);
		const { database, lines } = await opened(t, directory);
		assert.match(database.unavailable ?? "", /: Permission denied$/);
		chmodSync(path, 0o600);
		assert.equal(String(await database.read("s-1")), "in the log");
		assert.deepEqual(kept(directory), []);
		assert.equal(lines.length, 2);
		await database.close();
	}
});
