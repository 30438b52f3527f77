import assert from "node:assert/strict";
import { cp, mkdir, readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { openDatabase } from "../../../src/store/database.ts";
import {
	decodeGobMetrics,
	encodeGobMetrics,
	type GobMetrics,
} from "../../../src/store/gob.ts";
import { openLevel } from "../../../src/store/level.ts";
import { exportOriginal } from "../../../src/store/original-export.ts";
import { recordingLog } from "../../support/agent.ts";
import { all, one, openBuffer, sample } from "../../support/metric-buffer.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

/** Every key of a database with its value, as stored in LevelDB. */
async function contentOf(directory: string): Promise<Map<string, Buffer>> {
	const level = await openLevel(directory, false);
	try {
		return new Map(await level.iterator().all());
	} finally {
		await level.close();
	}
}

/** The files of a directory with their contents. */
async function filesOf(directory: string): Promise<Map<string, string>> {
	const names = (await readdir(directory)).sort();
	const texts = names.map((name) => readFile(join(directory, name), "latin1"));
	return new Map(
		(await Promise.all(texts)).map((text, n) => [names[n] ?? "", text]),
	);
}

async function exported(t: TestContext, source: string) {
	const target = join(await temporaryDirectory(t), "original");
	const { log, lines } = recordingLog();
	const done = await exportOriginal({ source, target, log });
	assert.deepEqual(await readdir(dirname(target)), ["original"]);
	return { done, lines, content: await contentOf(target) };
}

test("a database of v1 is exported byte for byte", async (t) => {
	const source = join(await temporaryDirectory(t), "db");
	await cp("test/fixtures/original-db", source, { recursive: true });
	const before = await filesOf(source);
	const { done, content } = await exported(t, source);
	assert.deepEqual(await filesOf(source), before);
	assert.deepEqual(done, {
		...{ samples: 15, seconds: 5, machineStates: 2, unreadable: 0 },
	});
	const original = await contentOf(source);
	// v1 stored an empty list for a minute without metrics
	assert.equal(original.delete("m-1795342606"), true);
	assert.deepEqual(content, original);
});

test("our values of one second become one value, without those that default has acknowledged", async (t) => {
	const consumers = ["default", "b"];
	const { buffer, clock, database, directory } = await openBuffer(t, {
		consumers,
	});
	await buffer.append([sample(1)]);
	await buffer.append([sample(2)]);
	clock.seconds++;
	await buffer.append([sample(3)]);
	await buffer.append([
		sample(4),
		{ hostname: "", timestamp: 0, metrics: {} },
		{ hostname: "日本", timestamp: -5, metrics: { big: 1e21, neg: -1.25 } },
	]);
	clock.seconds++;
	await buffer.append([sample(5)]);
	const taken = await buffer.take(one);
	await taken.confirm();
	const lent = await buffer.lease("default", one, 60_000);
	assert.equal(lent?.samples.length, 4);
	await database.write([
		{ put: "m-1500000002-000001", value: "rubbish" },
		{ put: "s-1500000000", value: "state" },
	]);
	await database.close();

	const { done, lines, content } = await exported(t, directory);
	assert.deepEqual(done, {
		...{ samples: 5, seconds: 2, machineStates: 1, unreadable: 1 },
	});
	assert.match(lines.join("\n"), /m-1500000002-000001 cannot be read/);
	assert.deepEqual(
		[...content.keys()],
		["m-1500000001", "m-1500000002", "s-1500000000"],
	);
	const first = decodeGobMetrics(content.get("m-1500000001") ?? Buffer.of());
	assert.deepEqual(first, lent?.samples);
	assert.equal(String(content.get("s-1500000000")), "state");

	// and back again
	const target = join(await temporaryDirectory(t), "back");
	const { log } = recordingLog();
	await exportOriginal({ source: directory, target, log });
	const again = await openBuffer(t, { directory: target });
	const back = await again.buffer.peek("default", all);
	assert.deepEqual(
		back.map(({ timestamp }) => timestamp),
		[3, 4, 0, -5, 5],
	);
});

test("an export that fails reports one line, and leaves nothing behind", async (t) => {
	const directory = await temporaryDirectory(t);
	const source = join(directory, "db");
	const { log } = recordingLog();
	const refused = (target: string, message: RegExp) =>
		assert.rejects(exportOriginal({ source, target, log }), { message });
	await refused(join(directory, "new"), /^no database: \/.*\/db$/);
	const database = await openDatabase({ directory: source, log });
	await database.write([{ put: "s-1500000000", value: "state" }]);
	await refused(
		join(directory, "new"),
		/^the store is in use by this process already: .*; stop the agent first$/,
	);
	await database.write([{ put: "s-1500000001", value: "still ours" }]);
	await database.close();
	await mkdir(join(directory, "there"));
	await refused(join(directory, "there"), /^already exists: \/.*\/there$/);
	await refused(
		join(directory, "no", "such"),
		/^cannot be exported: \/.*\/db: .*no such file or directory, mkdir '\/.*\/no\/such/,
	);
	assert.deepEqual((await readdir(directory)).sort(), ["db", "there"]);
});

test("every storable value survives encoding and decoding", () => {
	const number = fc.double({ noNaN: true, noDefaultInfinity: true });
	const metrics = fc.dictionary(fc.string({ unit: "grapheme" }), number);
	const samples = fc.array(
		fc.record({
			hostname: fc.string({ unit: "grapheme" }),
			timestamp: fc.maxSafeInteger(),
			metrics: fc.option(metrics, { nil: null }),
		}),
	);
	fc.assert(
		fc.property(samples, (all: GobMetrics[]) => {
			// fast-check makes dictionaries without a prototype
			const plain = all.map((of) => ({
				...of,
				metrics: of.metrics && Object.fromEntries(Object.entries(of.metrics)),
			}));
			assert.deepEqual(decodeGobMetrics(encodeGobMetrics(plain)), plain);
		}),
	);
});
