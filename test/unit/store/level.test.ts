import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { sizeOf } from "../../../src/store/directory.ts";
import {
	createFlushing,
	type Level,
	openLevel,
	tableSizes,
} from "../../../src/store/level.ts";
import { eventually } from "../../support/eventually.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

/** A database that flushes by a clock in milliseconds, which the test sets. */
async function open(t: TestContext) {
	const directory = join(await temporaryDirectory(t), "db");
	const level = await openLevel(directory, true);
	t.after(() => level.close());
	const clock = { milliseconds: 0 };
	const flushing = createFlushing(() => clock.milliseconds);
	let written = 0;
	const write = async (value: Buffer) => {
		await level.put(`m-${1_500_000_000 + written++}`, value, { sync: true });
		flushing.wrote(level, value.length);
	};
	return { directory, level, clock, write };
}

const tables = (level: Level) => tableSizes(level).size;

test("200 metrics a minute stay below 250 KB for the 45 minutes of the soak test", async (t) => {
	const { directory, level, clock, write } = await open(t);
	for (let minute = 0; minute < 45; minute++) {
		const samples = Array.from({ length: 201 }, (_, n) => ({
			hostname: "soak",
			timestamp: 1_500_000_000 + minute * 60,
			metrics: { [`soak.metric.${n}`]: 1_500_000_000 + minute * 60 },
		}));
		await write(Buffer.from(JSON.stringify(samples)));
		clock.milliseconds += 60_000;
		assert.ok((await sizeOf(directory)) < 500_000);
	}
	await eventually("the tables are written", () => tables(level) === 5);
	await eventually(
		"the old logs are deleted",
		async () => (await sizeOf(directory)) < 250_000,
	);
});

test("flushes keep their minimum interval, however much is written", async (t) => {
	const { level, clock, write } = await open(t);
	const value = Buffer.alloc(100_000);
	await write(value);
	await write(value);
	await eventually("there is a table", () => tables(level) === 1);
	clock.milliseconds += 9_000;
	for (let n = 0; n < 5; n++) await write(value);
	clock.milliseconds += 1_000;
	await write(value);
	await eventually("there is another", () => tables(level) === 2);
	// LevelDB's own write buffer
	for (let n = 0; n < 12; n++) await write(value);
	await eventually("LevelDB wrote one", () => tables(level) === 3);
});
