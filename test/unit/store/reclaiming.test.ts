import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { type TestContext, test } from "node:test";
import { type Database, openDatabase } from "../../../src/store/database.ts";
import { openLevel } from "../../../src/store/level.ts";
import { eventually } from "../../support/eventually.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const log = { info: () => {}, warning: () => {}, error: () => {} };
const key = (n: number) => `m-${1_500_000_000 + n}`;
const megabyte = 1_000_000;
const range = { from: "m-", before: key(2000) };

/** A database with two megabytes of old values, which do not compress, and a new value. */
async function filled(t: TestContext) {
	const directory = await temporaryDirectory(t);
	const database = await openDatabase({ directory, log });
	t.after(() => database.close());
	for (let from = 0; from < 2000; from += 500)
		await database.write(
			Array.from({ length: 500 }, (_, n) => ({
				put: key(from + n),
				value: randomBytes(500).toString("hex"),
			})),
		);
	await database.write([{ put: key(2000), value: "new" }]);
	await database.compact();
	assert.ok((await database.diskBytes()) > megabyte);
	return { database, directory };
}

const keysOf = async (database: Database) => {
	const keys: string[] = [];
	for await (const found of database.keys({ from: "", before: "~" }))
		keys.push(found);
	return keys;
};

test("the space of deleted data is reclaimed despite an open iterator", async (t) => {
	const { database } = await filled(t);
	let seen = 0;
	for await (const { value } of database.rows(range)) {
		assert.equal(value.length, 1000);
		if (seen++ > 0) continue;
		assert.equal(await database.clear(range), true);
		// an iterator opened and closed meanwhile makes no difference
		for await (const found of database.keys({ from: key(2000), before: "m." }))
			assert.equal(found, key(2000));
	}
	assert.equal(seen, 2000);
	const isSmall = async () => (await database.diskBytes()) < megabyte / 10;
	await eventually("the space is given back", isSmall);
	assert.deepEqual(await keysOf(database), [key(2000)]);
});

test("without an open iterator the space is reclaimed at once", async (t) => {
	const { database } = await filled(t);
	const keeps = (found: string) => found === key(1000);
	assert.equal(await database.clear(range, keeps), true);
	assert.ok((await database.diskBytes()) < megabyte / 10);
	assert.deepEqual(await keysOf(database), [key(1000), key(2000)]);
	assert.equal(await database.clear(range, keeps), false);
});

test("space that a compaction under an open iterator left is reclaimed later", async (t) => {
	const { database, directory } = await filled(t);
	await database.close();
	const level = await openLevel(directory, false);
	const iterator = level.iterator();
	await iterator.next();
	await level.clear({ gte: range.from, lt: range.before });
	await level.compactRange("\0", "~");
	await iterator.close();
	await level.compactRange("\0", "~");
	await level.close();

	const again = await openDatabase({ directory, log });
	t.after(() => again.close());
	await again.compact();
	assert.ok((await again.diskBytes()) > megabyte, "LevelDB does not do it");
	await again.reclaim(range);
	assert.ok((await again.diskBytes()) < megabyte / 10);
	assert.deepEqual(await keysOf(again), [key(2000)]);
});
