import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openDatabase, StoreLocked } from "../../../src/store/database.ts";
import { holdersIn, nativeLockFile } from "../../../src/store/lock.ts";
import { stateOf } from "../../support/directory-state.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const log = { info: () => {}, warning: () => {}, error: () => {} };
const lockFile = nativeLockFile();
const ways = [
	...(lockFile ? [{ name: "with the addon", lockFile }] : []),
	{ name: "without the addon", lockFile: undefined },
];

/** A closed database with one row. */
async function aDatabase(t: TestContext) {
	const directory = join(await temporaryDirectory(t), "db");
	const database = await openDatabase({ directory, log });
	await database.write([{ put: "m-1", value: "one" }]);
	await database.close();
	return directory;
}

async function firstLine(of: ChildProcess) {
	assert.ok(of.stdout);
	const [line] = await once(of.stdout, "data");
	return String(line).trim();
}

function start(t: TestContext, program: string, ...args: string[]) {
	const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
	const ended = once(child, "exit");
	const end = async () => {
		child.stdin?.end();
		await ended;
	};
	t.after(end);
	return { child, pid: child.pid, line: () => firstLine(child), end };
}

/** Another program that holds flock on a file, as LevelDB in Go does, until its input ends. */
const flock = (t: TestContext, file: string, kind = "-x") =>
	start(t, "flock", kind, "-n", file, "sh", "-c", "echo held; cat");

/** Our own program with the store open. */
const storeChild = (t: TestContext, directory: string) =>
	start(
		t,
		process.execPath,
		join(import.meta.dirname, "../../support/store-child.js"),
		directory,
	);

for (const { name, lockFile } of ways) {
	test(`${name}, a database that another program has locked with flock is refused untouched, and the program named`, async (t) => {
		const directory = await aDatabase(t);
		const holder = flock(t, join(directory, "LOCK"));
		assert.equal(await holder.line(), "held");
		const before = await stateOf(directory);
		await assert.rejects(
			openDatabase({ directory, log, lockFile }),
			(error) => {
				assert.ok(error instanceof StoreLocked, String(error));
				assert.equal(
					error.message,
					`the store is in use by process ${holder.pid} (flock): ${directory}`,
				);
				return true;
			},
		);
		assert.deepEqual(await stateOf(directory), before);
		await holder.end();
		const database = await openDatabase({ directory, log, lockFile });
		assert.equal(String(await database.read("m-1")), "one");
		await database.close();
	});

	test(`${name}, a shared flock, a link to the directory and a repair are also refused`, async (t) => {
		const directory = await aDatabase(t);
		const link = `${directory}-link`;
		await symlink(directory, link);
		// what an interrupted repair leaves
		await mkdir(join(directory, "repairing"));
		const holder = flock(t, join(directory, "LOCK"), "-s");
		assert.equal(await holder.line(), "held");
		const names = await readdir(directory);
		await assert.rejects(
			openDatabase({ directory: link, log, lockFile }),
			new RegExp(`in use by process ${holder.pid} \\(flock\\): ${link}$`),
		);
		assert.deepEqual(await readdir(directory), names);
		assert.deepEqual(await readdir(join(directory, "repairing")), []);
	});

	test(`${name}, a database that an agent has open is refused untouched, each time, and the agent named`, async (t) => {
		const directory = await aDatabase(t);
		const holder = storeChild(t, directory);
		assert.equal(await holder.line(), "open");
		const before = await stateOf(directory);
		const said = `the store is in use by process ${holder.pid} (node store-child.js): ${directory}`;
		for (let times = 0; times < 2; times++)
			await assert.rejects(
				openDatabase({ directory, log, lockFile }),
				(error) => error instanceof StoreLocked && error.message === said,
			);
		// a third process is refused as well: the attempts did not drop the lock
		assert.equal(await storeChild(t, directory).line(), `Error: ${said}`);
		assert.deepEqual(await stateOf(directory), before);
	});

	test(`${name}, an agent still locks others out after opening the database twice itself`, async (t) => {
		const directory = await aDatabase(t);
		const database = await openDatabase({ directory, log, lockFile });
		await assert.rejects(
			openDatabase({ directory, log, lockFile }),
			/^Error: the store is in use by this process already: /,
		);
		assert.match(
			await storeChild(t, directory).line(),
			new RegExp(`in use by process ${process.pid} \\(node lock.test.js\\)`),
		);
		await database.close();
	});
}

test("an open database is also locked for programs that use flock", async (t) => {
	if (!lockFile) return t.skip("needs the addon");
	const directory = await aDatabase(t);
	const database = await openDatabase({ directory, log, lockFile });
	const tried = flock(t, join(directory, "LOCK"));
	const [status] = await once(tried.child, "exit");
	assert.equal(status, 1);
	await database.close();
	const holder = flock(t, join(directory, "LOCK"));
	assert.equal(await holder.line(), "held");
});

test("the processes that lock a file are read from /proc/locks", () => {
	const locks = [
		"1: POSIX  ADVISORY  WRITE 433 fe:00:2264426 0 EOF",
		"2: FLOCK  ADVISORY  WRITE 32679 fe:00:77 0 EOF",
		"2: -> FLOCK  ADVISORY  WRITE 5 fe:00:77 0 EOF",
		"3: FLOCK  ADVISORY  READ  12 103:02:77 0 EOF",
		"4: LEASE  ACTIVE    READ  13 fe:00:77 0 EOF",
		"",
	].join("\n");
	const dev = (major: number, minor: number) =>
		(BigInt(major) << 8n) | BigInt(minor);
	const ino = 77n;
	assert.deepEqual(holdersIn(locks, { dev: dev(0xfe, 0), ino }), [32679]);
	assert.deepEqual(holdersIn(locks, { dev: dev(0x103, 2), ino }), [12]);
	// overlayfs: another device, the same inode number
	assert.deepEqual(holdersIn(locks, { dev: dev(0, 40), ino }), [32679, 12]);
	assert.deepEqual(holdersIn(locks, { dev: dev(0xfe, 0), ino: 7n }), []);
	assert.deepEqual(holdersIn("", { dev: 0n, ino }), []);
});
