import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openDatabase } from "../../../src/store/database.ts";
import { sizeOf } from "../../../src/store/directory.ts";
import { openLevel, tableSizes } from "../../../src/store/level.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const log = { info: () => {}, warning: () => {}, error: () => {} };

/** Sizes of a directory's files according to the file system. */
async function filesIn(directory: string) {
	const names = await readdir(directory);
	return Promise.all(
		names.map(async (name) => {
			const { size } = await stat(join(directory, name));
			return [name, size] as const;
		}),
	);
}

const sum = (files: readonly (readonly [string, number])[]) =>
	files.reduce((bytes, [, size]) => bytes + size, 0);

test("LevelDB's table sizes equal the sizes of the files", async (t) => {
	const directory = await temporaryDirectory(t);
	const level = await openLevel(directory, true);
	t.after(() => level.close());
	assert.deepEqual([...tableSizes(level)], []);
	const keys = ["m-1", "line\nend", " 7:7[", "\u{1f600}"];
	for (let n = 0; n < 40; n++) {
		// random bytes, which do not compress
		await level.put(`${keys[n % 4]}-${n}`, randomBytes(20_000));
		// flush first, so that no file is being written during the comparison
		if (n % 8 === 7) await level.compactRange("\0", "\u{10ffff}");
	}
	const isTable = ([name]: readonly [string, number]) => /\.ldb$/.test(name);
	const tables = (await filesIn(directory)).filter(isTable);
	assert.ok(tables.length > 0);
	assert.deepEqual(
		[...tableSizes(level)].sort(),
		tables.map(([...file]) => file).sort(),
	);
});

test("known sizes are not looked up, missing files do not count", async (t) => {
	const directory = await temporaryDirectory(t);
	await writeFile(join(directory, "000005.ldb"), "12345");
	await writeFile(join(directory, "000006.log"), "123");
	assert.equal(await sizeOf(directory), 8);
	const known = new Map([
		["000005.ldb", 1000],
		["000004.ldb", 77],
	]);
	assert.equal(await sizeOf(directory, known), 1003);
	assert.equal(await sizeOf(join(directory, "none"), known), 0);
});

test("a database's size is the size of its files: new, grown, closed", async (t) => {
	const directory = await temporaryDirectory(t);
	const database = await openDatabase({ directory, log });
	t.after(() => database.close());
	const isSize = async () =>
		assert.equal(await database.diskBytes(), sum(await filesIn(directory)));
	await isSize();
	for (let n = 0; n < 10; n++)
		await database.write([{ put: `m-${n}`, value: randomBytes(50_000) }]);
	await database.compact();
	await isSize();
	assert.ok((await database.diskBytes()) > 500_000);
	await database.close();
	await isSize();
});
