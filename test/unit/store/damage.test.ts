import assert from "node:assert/strict";
import {
	cpSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import {
	createMarkFile,
	readMark,
} from "../../../src/store/acknowledged-mark.ts";
import { type Database, openDatabase } from "../../../src/store/database.ts";
import { openLeaseBook } from "../../../src/store/lease-book.ts";
import { openLevel } from "../../../src/store/level.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

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

async function opened(t: TestContext, directory: string) {
	const { lines, log } = recorder();
	const database = await openDatabase({ directory, log });
	t.after(() => database.close());
	return { database, lines };
}

const key = (row: number) => `m-${1_000_000_000 + row}`;
const textOf = (row: number) => `${row} `.repeat(60);

async function fill(database: Database, from: number, before: number) {
	for (let row = from; row < before; row++)
		await database.write([{ put: key(row), value: textOf(row) }]);
}

/** Checks that every value is intact. @returns the number of values */
async function countOf(database: Database) {
	let count = 0;
	for await (const { key: at, value } of database.rows({
		from: "m-",
		before: "m.",
	})) {
		assert.equal(String(value), textOf(Number(at.slice(2)) - 1_000_000_000));
		count++;
	}
	return count;
}

/** Rows in tables, written by several flushes, and more rows in the log. */
async function aDatabase(t: TestContext) {
	const directory = join(await temporaryDirectory(t), "db");
	const { log, lines } = recorder();
	const database = await openDatabase({ directory, log });
	for (let part = 0; part < 3; part++) {
		await fill(database, part * 100, part * 100 + 100);
		await database.compact();
	}
	await fill(database, 300, 800);
	await database.close();
	assert.deepEqual(lines, []);
	return directory;
}

const namesIn = (directory: string, pattern: RegExp) =>
	readdirSync(directory)
		.filter((name) => pattern.test(name))
		.map((name) => join(directory, name));
const oneOf = (directory: string, pattern: RegExp) => {
	const found = namesIn(directory, pattern).at(-1);
	assert.ok(found);
	return found;
};
const copies = (directory: string) => namesIn(dirname(directory), /damaged-/);

function flipBit(path: string, at: number) {
	const bytes = readFileSync(path);
	bytes[at] = (bytes[at] ?? 0) ^ 1;
	writeFileSync(path, bytes);
}

const half = (path: string) =>
	truncateSync(path, readFileSync(path).length >> 1);

interface Case {
	damage(directory: string): void;
	/** The first line of the log. */
	said: RegExp;
	/** Minimum number of the 800 rows that remain. */
	atLeast: number;
}

const inFiles: Record<string, Case> = {
	"a bit in the middle of the log": {
		damage: (directory) => {
			const log = oneOf(directory, /\.log$/);
			flipBit(log, readFileSync(log).length >> 1);
		},
		said: /^error the store is damaged \(\d+\.log: a record is damaged at byte \d+\)/,
		atLeast: 500,
	},
	"the log is cut to half": {
		damage: (directory) => half(oneOf(directory, /\.log$/)),
		said: /^error the store is damaged \(\d+\.log has \d+ bytes, and \d+ were acknowledged\)/,
		atLeast: 500,
	},
	"the log is removed": {
		damage: (directory) => rmSync(oneOf(directory, /\.log$/)),
		said: /^error the store is damaged \(\d+\.log.* is missing/,
		atLeast: 300,
	},
	"the MANIFEST is cut to half": {
		damage: (directory) => half(oneOf(directory, /^MANIFEST-/)),
		said: /^error the store is damaged \(/,
		atLeast: 800,
	},
	"a table is cut to half": {
		damage: (directory) => half(oneOf(directory, /\.ldb$/)),
		said: /^error the store is damaged \(\d+\.ldb has \d+ bytes, and MANIFEST-\d+ says \d+\)/,
		atLeast: 400,
	},
	"a table is removed": {
		damage: (directory) => rmSync(oneOf(directory, /\.ldb$/)),
		said: /^error the store is damaged \(Corruption: 1 missing files/,
		atLeast: 400,
	},
	"CURRENT is damaged": {
		damage: (directory) => flipBit(join(directory, "CURRENT"), 12),
		said: /^error the store is damaged \(/,
		atLeast: 800,
	},
};

for (const [name, { damage, said, atLeast }] of Object.entries(inFiles))
	test(`damage is detected, logged and copied: ${name}`, async (t) => {
		const directory = await aDatabase(t);
		damage(directory);
		const { database, lines } = await opened(t, directory);
		const count = await countOf(database);
		assert.ok(count >= atLeast && count <= 800, `${count}`);
		assert.match(lines[0] ?? "", said);
		const [copy = ""] = copies(directory);
		assert.ok(lines[0]?.endsWith(`is kept in ${copy}`), lines[0]);
		assert.ok(existsSync(join(copy, "CURRENT")) || name.includes("CURRENT"));
		assert.equal(database.damages.count, 1);
		assert.equal(database.damages.last?.copy, copy);
		const lost = lines.filter((line) => line.includes("the store has lost"));
		const { lostEntries } = database.damages;
		// the loss at the end of the log is known to the entry
		if (/log is (cut|removed)/.test(name)) {
			assert.equal(lostEntries, 800 - count);
			assert.match(
				lost[0] ?? "",
				new RegExp(
					`^error the store has lost ${800 - count} entries of metrics`,
				),
			);
		} else assert.equal(lost.length, 0, lost.join("\n"));
		await database.write([{ put: "m-2000000000", value: "more" }]);
		await database.close();
		// logged once
		const again = await opened(t, directory);
		assert.deepEqual(again.lines, []);
		assert.equal(again.database.damages.count, 0);
	});

test("a flipped bit in a table's value is detected, and the value is not delivered", async (t) => {
	const directory = join(await temporaryDirectory(t), "db");
	const { log } = recorder();
	const first = await openDatabase({ directory, log });
	// not compressible, so the table contains it as it is
	await first.write([
		{ put: "m-1", value: "VALUE-qzjxkvbw-0123456789" },
		{ put: "m-2", value: "two" },
		{ put: "s-1", value: "STATE-qzjxkvbw-9876543210" },
		{ put: "l-1", value: "LEASE-wbvkxjzq-5647382910" },
	]);
	await first.compact();
	await first.close();
	const table = oneOf(directory, /\.ldb$/);
	const bytes = readFileSync(table);
	for (const text of ["VALUE-q", "STATE-q", "LEASE-w"]) {
		const at = bytes.indexOf(text);
		assert.ok(at > 0, text);
		bytes[at + 3] = (bytes[at + 3] ?? 0) ^ 1;
	}
	writeFileSync(table, bytes);
	const { database, lines } = await opened(t, directory);
	assert.equal(await database.read("s-1"), undefined);
	const found: string[] = [];
	for await (const { key: at, value } of database.rows({
		from: "l",
		before: "n",
	}))
		found.push(`${at} ${value}`);
	assert.deepEqual(found, ["m-2 two"]);
	assert.deepEqual(
		lines.sort(),
		["l-1", "m-1", "s-1"].map(
			(at) =>
				`error store: ${at} is damaged, moved to x-${at}: its checksum is wrong`,
		),
	);
	assert.equal(database.damages.count, 3);
	assert.equal(await database.read("m-1"), undefined);
	assert.match(String(await database.read("x-m-1")), /VALTE-qzjxkvbw/);
	assert.equal(database.unavailable, undefined);
});

test("values of an earlier version and of v1, which have no checksum, are readable", async (t) => {
	const directory = join(await temporaryDirectory(t), "db");
	const earlier = await openLevel(directory, true);
	await earlier.put("m-1", Buffer.from("[]"));
	await earlier.put("c-m-1/shop", Buffer.alloc(0));
	await earlier.close();
	const { database, lines } = await opened(t, directory);
	assert.equal(String(await database.read("m-1")), "[]");
	assert.equal(String(await database.read("c-m-1/shop")), "");
	await database.write([{ put: "m-2", value: "[1]" }]);
	await database.close();
	const original = `${directory}-original`;
	cpSync("test/fixtures/original-db", original, { recursive: true });
	for (const of of [directory, original]) {
		const again = await opened(t, of);
		let count = 0;
		for await (const _ of again.database.rows({ from: "m-", before: "m." }))
			count++;
		assert.ok(count >= 2);
		assert.equal(again.database.damages.count, 0);
		lines.push(...again.lines);
	}
	assert.deepEqual(
		lines.filter((line) => !line.includes("closed the store's directory")),
		[],
	);
	assert.deepEqual(copies(directory), []);
	assert.deepEqual(copies(original), []);
});

test("a damaged lease record does not affect the others", async (t) => {
	const directory = join(await temporaryDirectory(t), "db");
	const earlier = await openLevel(directory, true);
	const record = { consumer: "default", keys: ["m-1"], expires_at: 1 };
	const good = JSON.stringify(record);
	await earlier.put("l-a", Buffer.from(good));
	// as an earlier version wrote them, without a checksum
	await earlier.put("l-b", Buffer.from(good.replace("{", "z")));
	await earlier.put("l-c", Buffer.from(good.replace("[", "{")));
	await earlier.put("l-d", Buffer.from(good.replace("keys", "kexs")));
	await earlier.close();
	const { database, lines } = await opened(t, directory);
	const clocks = { now: () => 0, elapsed: () => 0 };
	const book = await openLeaseBook(database, clocks);
	assert.deepEqual(
		[...book.all()].map(({ batchId }) => batchId),
		["a"],
	);
	assert.deepEqual(
		lines.filter((line) => line.startsWith("error")),
		["l-b", "l-c", "l-d"].map(
			(at) =>
				`error store: ${at} is damaged, moved to x-${at}: it is not a lease`,
		),
	);
	assert.equal(database.damages.count, 3);
});

test("the first mark of a store is read from either slot", async (t) => {
	const directory = join(await temporaryDirectory(t), "db");
	const mark = { written: 3, removed: 1, at: 5 };
	const file = createMarkFile(directory);
	for (const serial of [1, 2, 3]) {
		mkdirSync(directory);
		await file.write({ ...mark, serial });
		assert.deepEqual(await readMark(directory), { ...mark, serial });
		rmSync(directory, { recursive: true });
	}
});

test("a damaged, missing or outdated mark raises no alarm", async (t) => {
	const directory = await aDatabase(t);
	const mark = join(directory, "ACKNOWLEDGED");
	const old = readFileSync(mark);
	for (const change of [
		() => flipBit(mark, 700),
		() => writeFileSync(mark, Buffer.alloc(1024, 0xff)),
		() => writeFileSync(mark, ""),
		() => rmSync(mark),
		() => writeFileSync(mark, old),
	]) {
		change();
		const { database, lines } = await opened(t, directory);
		await database.write([{ put: "s-1", value: "state" }]);
		await database.close();
		assert.deepEqual(lines, []);
		assert.equal(database.damages.count, 0);
	}
	assert.deepEqual(copies(directory), []);
});

test("three copies are kept; deleting the oldest one is logged", async (t) => {
	const directory = await aDatabase(t);
	const said: string[] = [];
	for (let times = 0; times < 4; times++) {
		half(oneOf(directory, /\.log$/));
		const { log, lines } = recorder();
		const now = () => new Date(Date.UTC(2026, 10, 29, 12, times));
		const database = await openDatabase({ directory, log, now });
		await fill(database, 1000 + times * 10, 1010 + times * 10);
		await database.close();
		said.push(...lines.filter((line) => line.includes("oldest copy")));
	}
	const stamps = copies(directory).map((path) => path.slice(-4));
	assert.deepEqual(stamps, ["0100", "0200", "0300"]);
	assert.equal(said.length, 1);
	assert.match(
		said[0] ?? "",
		/^warning deleted the oldest copy .*at most 3 are kept.*: .*120000$/,
	);
});

const whileOpen: Record<
	string,
	{ act(directory: string): void; lost: number }
> = {
	"the directory is removed": {
		act: (directory) => rmSync(directory, { recursive: true }),
		lost: 801,
	},
	"the directory is replaced": {
		act: (directory) => {
			const copy = `${directory}-copy`;
			cpSync(directory, copy, {
				recursive: true,
				filter: (path) => !path.endsWith("/LOCK"),
			});
			rmSync(directory, { recursive: true });
			renameSync(copy, directory);
		},
		lost: 0,
	},
	"the log is removed": {
		act: (directory) => rmSync(oneOf(directory, /\.log$/)),
		lost: 0,
	},
	"CURRENT is removed": {
		act: (directory) => rmSync(join(directory, "CURRENT")),
		lost: 0,
	},
	"CURRENT is replaced": {
		act: (directory) => {
			const path = join(directory, "CURRENT");
			writeFileSync(`${path}.new`, readFileSync(path));
			renameSync(`${path}.new`, path);
		},
		lost: 0,
	},
	"the MANIFEST is removed": {
		act: (directory) => rmSync(oneOf(directory, /^MANIFEST-/)),
		lost: 0,
	},
	"LOCK is removed": {
		act: (directory) => rmSync(join(directory, "LOCK")),
		lost: 0,
	},
};

for (const [name, { act, lost }] of Object.entries(whileOpen))
	test(`while the database is open, ${name}: the next write is refused, then it recovers`, async (t) => {
		const directory = await aDatabase(t);
		const { database, lines } = await opened(t, directory);
		await fill(database, 800, 801);
		act(directory);
		await assert.rejects(
			database.write([{ put: "s-1", value: "after" }]),
			/^Error: the store cannot be used: .* was removed or replaced while it was in use$|^.*the store cannot be used: /,
		);
		assert.match(database.unavailable ?? "", /was removed or replaced/);
		await database.write([{ put: "s-2", value: "more" }]);
		assert.equal(database.unavailable, undefined);
		assert.equal(String(await database.read("s-2")), "more");
		assert.equal(await countOf(database), 801 - lost);
		assert.equal(database.damages.lostEntries, lost, lines.join("\n"));
		await database.close();
		const again = await opened(t, directory);
		assert.equal(await countOf(again.database), 801 - lost);
		assert.deepEqual(again.lines, []);
	});

test("the next write detects that a table in use was removed", async (t) => {
	const directory = await aDatabase(t);
	const { database, lines } = await opened(t, directory);
	rmSync(oneOf(directory, /\.ldb$/));
	await assert.rejects(
		database.write([{ put: "s-1", value: "after" }]),
		/\d+\.ldb was removed or replaced while it was in use$/,
	);
	await database.write([{ put: "s-2", value: "more" }]);
	assert.equal(copies(directory).length, 1, lines.join("\n"));
	assert.equal(database.damages.count, 1);
});
