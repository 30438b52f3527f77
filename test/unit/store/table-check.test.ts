import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
	closeSync,
	openSync,
	readdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
	writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { openDatabase } from "../../../src/store/database.ts";
import { everything, openLevel } from "../../../src/store/level.ts";
import { Fields } from "../../../src/store/level-format.ts";
import {
	damageOfTable,
	uncompressSnappy,
} from "../../../src/store/table-blocks.ts";
import { eventually } from "../../support/eventually.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const breathe = async () => {};
/** Only the checks that a test requests, without pauses. */
const times = { first: 1e9, between: 1e9, slice: 2, pauseFactor: 0 };

const tablesIn = (directory: string) =>
	readdirSync(directory)
		.filter((name) => name.endsWith(".ldb"))
		.map((name) => join(directory, name));

/** Flips a bit in place: LevelDB maps its tables into memory. */
function flipBit(path: string, at: number) {
	const byte = (readFileSync(path)[at] ?? 0) ^ 1;
	const file = openSync(path, "r+");
	writeSync(file, Buffer.of(byte), 0, 1, at);
	closeSync(file);
}

/** Positions of a table's blocks. */
function blocksOf(path: string) {
	const bytes = readFileSync(path);
	const footer = new Fields(bytes.subarray(-48));
	const [metaindex, , index, indexBytes] = [1, 2, 3, 4].map(() =>
		footer.number(),
	) as [number, number, number, number];
	return {
		data: 20,
		filter: metaindex - 10,
		metaindex: metaindex + 3,
		index: index + 10,
		footer: bytes.length - 20,
		isIndexCompressed: bytes[index + indexBytes] === 1,
	};
}

type Place = "data" | "filter" | "metaindex" | "index" | "footer";
const places: Place[] = ["data", "filter", "metaindex", "index", "footer"];

async function tableOf(t: TestContext, rows: Iterable<[string, Buffer]>) {
	const directory = join(await temporaryDirectory(t), "db");
	const level = await openLevel(directory, true);
	for (const [key, value] of rows) await level.put(key, value);
	await level.compactRange(...everything);
	await level.close();
	const [table = ""] = tablesIn(directory);
	return table;
}

test("a flipped bit in any byte of a table is found", async (t) => {
	const alike = Array.from({ length: 60 }, (_, row): [string, Buffer] => [
		`m-common-beginning-of-long-keys-${1000 + row}-${"common".repeat(20)}`,
		randomBytes(1500),
	]);
	const table = await tableOf(t, alike);
	const bytes = readFileSync(table);
	assert.ok(blocksOf(table).isIndexCompressed);
	assert.equal(await damageOfTable(table, breathe), undefined);
	const found = new Set<string>();
	const changed = `${table}-changed`;
	writeFileSync(changed, bytes);
	// every byte except those of data blocks, which are large
	const sparse = blocksOf(table).filter - 200;
	for (let at = 0; at < bytes.length; at++) {
		if (at < sparse && at % 997 > 0) continue;
		flipBit(changed, at);
		const damage = await damageOfTable(changed, breathe);
		assert.ok(damage, `byte ${at}`);
		found.add(/footer|data|filter|metaindex|index/.exec(damage)?.[0] ?? damage);
		flipBit(changed, at);
	}
	assert.deepEqual([...found].sort(), [...places].sort());
	assert.equal(await damageOfTable(changed, breathe), undefined);
});

test("a table without compression, and a block larger than the read window", async (t) => {
	const rows = ["m-1"].map((key): [string, Buffer] => [
		key,
		randomBytes(400_000),
	]);
	const table = await tableOf(t, rows);
	assert.equal(blocksOf(table).isIndexCompressed, false);
	let breaths = 0;
	const count = async () => {
		breaths++;
	};
	assert.equal(await damageOfTable(table, count), undefined);
	assert.ok(breaths >= 400_000 / 65_536, `${breaths}`);
	flipBit(table, 150_000);
	assert.match((await damageOfTable(table, breathe)) ?? "", /data block/);
	for (const size of [0, 20, 48, 1000]) {
		writeFileSync(table, readFileSync(table).subarray(0, size));
		assert.ok(await damageOfTable(table, breathe));
	}
});

test("tables of v1 pass the check", async () => {
	const tables = tablesIn("test/fixtures/original-db");
	assert.ok(tables.length > 5);
	for (const table of tables)
		assert.equal(await damageOfTable(table, breathe), undefined, table);
});

test("Snappy's elements are decompressed, malformed ones refused", () => {
	const of = (...bytes: (number | string)[]) =>
		uncompressSnappy(
			Buffer.concat(
				bytes.map((one) =>
					typeof one === "string" ? Buffer.from(one) : Buffer.of(one),
				),
			),
		).toString();
	assert.equal(of(0), "");
	assert.equal(of(3, 2 << 2, "abc"), "abc");
	assert.equal(of(3, 60 << 2, 2, "abc"), "abc");
	assert.equal(of(3, 61 << 2, 2, 0, "abc"), "abc");
	// copies with offsets of 11, 16 and 32 bits, which overlap their own output
	assert.equal(of(9, 1 << 2, "ab", 1 | (3 << 2), 2), "ababababa");
	assert.equal(of(9, 1 << 2, "ab", 2 | (6 << 2), 2, 0), "ababababa");
	assert.equal(of(9, 1 << 2, "ab", 3 | (6 << 2), 2, 0, 0, 0), "ababababa");
	const wrong: (number | string)[][] = [
		[],
		[4, 2 << 2, "abc"],
		[2, 2 << 2, "abc"],
		[3, 2 << 2, "ab"],
		[9, 1 << 2, "ab", 1 | (3 << 2), 3],
		[9, 1 << 2, "ab", 1 | (3 << 2), 0],
		[0xff, 0xff, 0xff, 0xff, 0x0f, 0],
	];
	for (const bytes of wrong)
		assert.throws(() => of(...bytes), RangeError, bytes.join());
});

/** An open database of 300 rows in tables, with its log. */
async function opened(t: TestContext, checks = times) {
	const directory = join(await temporaryDirectory(t), "db");
	const lines: string[] = [];
	const say = (line: string) => lines.push(line);
	const database = await openDatabase({
		directory,
		log: { info: say, warning: say, error: say },
		tableCheckTimes: checks,
	});
	t.after(() => database.close());
	const write = async (from: number) =>
		database.write(
			Array.from({ length: 300 }, (_, row) => ({
				put: `m-${from + row}`,
				value: `${from + row} `.repeat(60),
			})),
		);
	await write(1000);
	await database.compact();
	const count = async () => {
		let rows = 0;
		for await (const { key, value } of database.rows({
			from: "m-",
			before: "m.",
		})) {
			assert.equal(String(value), `${key.slice(2)} `.repeat(60));
			rows++;
		}
		return rows;
	};
	const copies = () =>
		readdirSync(dirname(directory))
			.filter((name) => name.includes(".damaged-"))
			.map((name) => join(dirname(directory), name));
	return { database, directory, lines, write, count, copies };
}

for (const place of places)
	test(`damage in a table of a running store is found, copied, repaired and logged once: ${place}`, async (t) => {
		const { database, directory, lines, write, count, copies } =
			await opened(t);
		await database.checkTables();
		assert.deepEqual(lines, []);
		const [table = "", more] = tablesIn(directory);
		assert.equal(more, undefined);
		flipBit(table, blocksOf(table)[place]);
		await database.checkTables();
		const [copy = ""] = copies();
		assert.match(
			lines[0] ?? "",
			new RegExp(
				`^the store is damaged \\(${table.slice(-10)}: the .*${place}.*\\): repairing .* is kept in ${copy}$`,
			),
		);
		assert.equal(database.damages.count, 1);
		assert.equal(database.damages.last?.copy, copy);
		assert.match(database.damages.last?.reason ?? "", /\d\.ldb: the /);
		assert.equal(database.unavailable, undefined);
		const left = await count();
		assert.ok(left <= 300);
		if (place === "filter" || place === "metaindex") assert.equal(left, 300);
		// LevelDB's repair does not get this table: its entries are only in the copy
		if (place === "index") assert.equal(left, 0);
		await write(2000);
		assert.equal(await count(), left + 300);
		const said = lines.length;
		await database.compact();
		await database.checkTables();
		assert.deepEqual(lines.slice(said), []);
		assert.equal(copies().length, 1);
	});

test("a wrong position in a table's footer does not make the repair damage an intact block", async (t) => {
	const { database, directory, lines } = await opened(t);
	const rows = Array.from({ length: 60 }, (_, row) => ({
		put: `m-${2000 + row}`,
		value: randomBytes(2500).toString("base64"),
	}));
	await database.write(rows);
	await database.compact();
	const [table = ""] = tablesIn(directory);
	const bytes = readFileSync(table);
	// the metaindex's offset, a varint of three bytes: now in the last data block
	const offset = new Fields(bytes.subarray(-48)).number() - 5000;
	assert.ok(offset > 16_384 && offset < 2_097_152);
	const varint = [offset & 127, (offset >> 7) & 127, offset >> 14];
	const file = openSync(table, "r+");
	writeSync(
		file,
		Buffer.of((varint[0] ?? 0) | 128, (varint[1] ?? 0) | 128, varint[2] ?? 0),
		0,
		3,
		bytes.length - 48,
	);
	closeSync(file);
	await database.checkTables();
	assert.match(lines[0] ?? "", /the store is damaged .*metaindex/);
	for (const { put, value } of rows)
		assert.equal(String(await database.read(put)), value, put);
	assert.equal(database.damages.count, 1);
});

for (const [when, isKnown] of [
	["the first opening", false],
	["the check of a running store", true],
] as const)
	test(`${when} finds a damaged value without its own checksum, and the repair does not restore it`, async (t) => {
		const directory = join(await temporaryDirectory(t), "db");
		const log = { info: () => {}, warning: () => {}, error: () => {} };
		const open = () => openDatabase({ directory, log, tableCheckTimes: times });
		// as v1 and our first builds wrote values
		const earlier = await openLevel(directory, true);
		const rows = Array.from(
			{ length: 20 },
			(_, row) =>
				[
					`m-${1000 + row}`,
					`VALUE-${row}-${randomBytes(2500).toString("hex")}`,
				] as const,
		);
		for (const [key, value] of rows) await earlier.put(key, Buffer.from(value));
		await earlier.compactRange(...everything);
		await earlier.close();
		if (isKnown) {
			const once = await open();
			await once.write([{ put: "s-1", value: "a state" }]);
			await once.close();
		}
		const bytes = (table: string) => readFileSync(table);
		const table = tablesIn(directory).find((of) =>
			bytes(of).includes("VALUE-3-"),
		);
		assert.ok(table);
		for (const row of [3, 11])
			flipBit(table, bytes(table).indexOf(`VALUE-${row}-`) + 3);
		const database = await open();
		t.after(() => database.close());
		if (isKnown) await database.checkTables();
		assert.equal(database.damages.count, 1);
		for (const [row, [key, value]] of rows.entries()) {
			const read = await database.read(key);
			assert.equal(
				read && String(read),
				row === 3 || row === 11 ? undefined : value,
				key,
			);
		}
	});

test("tables are checked after opening, and then periodically", async (t) => {
	const checks = { ...times, first: 1, between: 1 };
	const { database, directory, lines } = await opened(t, checks);
	const [table = ""] = tablesIn(directory);
	flipBit(table, blocksOf(table).filter);
	await eventually("the damage is found", () => database.damages.count === 1);
	assert.match(lines[0] ?? "", /\.ldb: the checksum of the filter block/);
	// checks continue in the background, in a directory that is about to be removed
	await database.close();
});

test("a check during writes and compactions raises no alarm", async (t) => {
	const { database, lines, write } = await opened(t);
	for (let part = 2; part < 8; part++)
		await Promise.all([
			database.checkTables(),
			write(part * 1000).then(() => database.compact()),
			database.checkTables(),
		]);
	assert.deepEqual(lines, []);
	assert.equal(database.damages.count, 0);
});

test("a check ignores a missing table, which the next write detects", async (t) => {
	const { database, directory, lines } = await opened(t);
	for (const table of tablesIn(directory)) rmSync(table);
	await database.checkTables();
	assert.deepEqual(lines, []);
	assert.equal(database.damages.count, 0);
	await assert.rejects(
		database.write([{ put: "s-1", value: "" }]),
		/was removed or replaced/,
	);
});

test("closing ends a paused check", async (t) => {
	const checks = { ...times, slice: 0, pauseFactor: 1e6 };
	const { database, lines } = await opened(t, checks);
	const checking = database.checkTables();
	await database.close();
	await checking;
	await database.checkTables();
	assert.deepEqual(lines, []);
});
