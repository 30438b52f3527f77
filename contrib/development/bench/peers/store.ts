// The bare store of the agent: appends samples as its handler does, some at once, each
// synced; then drains them and prints the results.
//	store.js DIRECTORY SAMPLES AT-ONCE SECONDS
import { openDatabase } from "../../../../src/store/database.ts";
import {
	createMetricBuffer,
	type MetricBuffer,
	plainConsumer,
} from "../../../../src/store/metric-buffer.ts";
import { createRetentionClock } from "../../../../src/store/retention.ts";
import { batchOf } from "../batch.ts";

const [directory = "", ...numbers] = process.argv.slice(2);
const [samples = 0, atOnce = 0, seconds = 0] = numbers.map(Number);

/** Limits of one drain, as in the agent's handler. */
const limits = { seconds: 60, bytes: 8 * 1024 * 1024 };

const complain = (line: string) => void process.stderr.write(`${line}\n`);

async function drain(buffer: MetricBuffer) {
	for (;;) {
		const taken = await buffer.take(limits);
		await taken.confirm();
		if (taken.samples.length === 0) return;
	}
}

const log = { info: complain, warning: complain, error: complain };
const database = await openDatabase({ directory, log });
const clocks = { now: Date.now, elapsed: () => performance.now() };
const buffer = createMetricBuffer({
	database,
	...clocks,
	room: { need: async () => {}, refused: () => {} },
	retention: createRetentionClock({ database, ...clocks, log }),
	consumers: [plainConsumer],
	maxLifetimeSeconds: 7 * 24 * 60 * 60,
	log,
});
// as they come out of a request
const batch = JSON.parse(
	JSON.stringify(batchOf(samples, Math.floor(Date.now() / 1000))),
) as ReturnType<typeof batchOf>;
let written = 0;
const before = process.cpuUsage();
const begun = performance.now();
const appendInTurn = async () => {
	while (performance.now() - begun < 1000 * seconds) {
		await buffer.append(batch);
		written++;
	}
};
await Promise.all(Array.from({ length: atOnce }, appendInTurn));
const appended = performance.now();
const used = process.cpuUsage(before);
await drain(buffer);
const drained = performance.now();
await database.close();
process.stdout.write(
	`${JSON.stringify({
		appendsPerSecond: (1000 * written) / (appended - begun),
		cpuMilliseconds: (used.user + used.system) / 1000 / written,
		drainedPerSecond: (1000 * written * samples) / (drained - appended),
	})}\n`,
);
