// Bare LevelDB: writes a value over and over, each time synced, or the metrics of a
// week; then prints the results.
//	level.js append DIRECTORY ours|plain SAMPLES SECONDS
//	level.js week DIRECTORY MINUTES SAMPLES
import { Level as Database } from "level";
import { metricKey } from "../../../../src/store/keys.ts";
import { openLevel } from "../../../../src/store/level.ts";
import { batchOf } from "../batch.ts";

const [what, directory = "", ...rest] = process.argv.slice(2);

/** Bytes of values to delete at once, as many as one drain of the agent returns. */
const drainedBytes = 8 * 1024 * 1024;

async function open(options: "ours" | "plain") {
	if (options === "ours") return openLevel(directory, true);
	const level = new Database<string, Buffer>(directory, {
		valueEncoding: "buffer",
	});
	await level.open();
	return level;
}

type Level = Awaited<ReturnType<typeof open>>;

/** Reads everything and deletes it, synced. */
async function drain(level: Level) {
	for (;;) {
		const keys: string[] = [];
		let bytes = 0;
		for await (const [key, value] of level.iterator()) {
			keys.push(key);
			bytes += value.length;
			if (bytes >= drainedBytes) break;
		}
		if (keys.length === 0) return;
		await level.batch(
			keys.map((key) => ({ type: "del", key })),
			{ sync: true },
		);
	}
}

async function append(
	options: "ours" | "plain",
	samples: number,
	seconds: number,
) {
	const level = await open(options);
	const now = Math.floor(Date.now() / 1000);
	const value = Buffer.from(JSON.stringify(batchOf(samples, now)));
	const before = process.cpuUsage();
	const begun = performance.now();
	let written = 0;
	while (performance.now() - begun < 1000 * seconds)
		await level.put(metricKey(now, written++), value, { sync: true });
	const appended = performance.now();
	const used = process.cpuUsage(before);
	await drain(level);
	const drained = performance.now();
	await level.close();
	return {
		appendsPerSecond: (1000 * written) / (appended - begun),
		cpuMilliseconds: (used.user + used.system) / 1000 / written,
		drainedPerSecond: (1000 * written * samples) / (drained - appended),
	};
}

async function week(minutes: number, samples: number) {
	const level = await openLevel(directory, true);
	const now = Math.floor(Date.now() / 1000);
	for (let minute = minutes; minute > 0; minute--) {
		const seconds = now - 60 * minute;
		const value = JSON.stringify(batchOf(samples, seconds));
		await level.put(metricKey(seconds, 0), Buffer.from(value));
	}
	await level.close();
	return { minutes };
}

const outcome =
	what === "append"
		? await append(
				rest[0] as "ours" | "plain",
				Number(rest[1]),
				Number(rest[2]),
			)
		: await week(Number(rest[0]), Number(rest[1]));
process.stdout.write(`${JSON.stringify(outcome)}\n`);
