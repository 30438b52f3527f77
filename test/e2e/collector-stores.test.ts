import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Target } from "../../cli/collector/write/target.ts";
import { eventually } from "../support/eventually.ts";
import { lacksPeer } from "../support/peer.ts";
import {
	missingStore,
	type RealStore,
	type StoreKind,
	startStore,
} from "../support/stores.ts";
import { batchOf, nowSeconds, targetOf } from "../support/stub-store.ts";

/** Values of many magnitudes; VictoriaMetrics rounds those of more than about twelve digits. */
const sampleValue = (host: number, metric: number, time: number) =>
	([0, -1.5, 1e-9, 123_456_789_012, 7.125_375][metric % 5] as number) +
	(metric % 5 === 3 || metric % 5 === 0 ? host * 1_000 + (time % 1_000) : 0);

/**
 * Writes a sample of each host every 50 ms while the store is killed and started again. Returns what
 * was durable.
 */
async function writeUnderFire(
	target: Target,
	store: RealStore,
	{
		kills,
		hosts = 20,
		metrics = 25,
	}: { kills: number; hosts?: number; metrics?: number },
) {
	const begin = nowSeconds() - 250;
	const durable: Promise<void>[] = [];
	let isOver = false;
	const write = async () => {
		for (let pass = 0; !isOver || pass < 20; pass++) {
			await eventually("room", () => target.hasRoom, 60_000);
			const time = begin + pass;
			await Promise.all(
				Array.from({ length: hosts }, async (_, host) => {
					const values = Array.from({ length: metrics }, (_, metric) => [
						`m${metric}`,
						sampleValue(host, metric, time),
					]);
					const written = await target.write(
						batchOf(`h${host}`, [
							{
								hostname: `h${host}`,
								timestamp: time,
								metrics: Object.fromEntries(values),
							},
						]),
					);
					assert.equal(written.quarantined, 0);
					durable.push(written.durable);
				}),
			);
			passes = pass + 1;
		}
	};
	let passes = 0;
	const writing = write();
	for (let kill = 0; kill < kills; kill++) {
		await pause(1_500 + Math.random() * 1_500);
		await store.kill();
		await store.start();
	}
	await pause(500);
	isOver = true;
	await writing;
	await Promise.all(durable);
	return { begin, passes, hosts, metrics };
}

/** Compares what a store has with what was written. */
async function assertStored(
	store: RealStore,
	{ begin, passes, hosts, metrics }: Awaited<ReturnType<typeof writeUnderFire>>,
) {
	const stored = await store.stored('{instance=~"h.*"}');
	let lost = 0;
	for (let host = 0; host < hosts; host++)
		for (let metric = 0; metric < metrics; metric++) {
			const series = stored.get(`m${metric}{h${host},h${host}}`);
			for (let pass = 0; pass < passes; pass++) {
				const value = series?.get((begin + pass) * 1_000);
				if (value === undefined) lost++;
				else assert.equal(value, sampleValue(host, metric, begin + pass));
			}
		}
	assert.equal(lost, 0, `${lost} of ${passes * hosts * metrics}`);
	assert.equal(stored.size, hosts * metrics);
}

const withStore = (
	kind: StoreKind,
	what: string,
	run: (t: TestContext) => Promise<void>,
) =>
	test(`${kind}: ${what}`, async (t) => {
		if (!lacksPeer(t, missingStore(kind))) await run(t);
	});

withStore(
	"victoria-metrics",
	"killed again and again, it has everything that was durable",
	async (t) => {
		const store = await startStore(t, "victoria-metrics");
		// it writes to its disk every 5 to 10 seconds
		const { target } = await targetOf(t, store.url, { ackAfterSeconds: 12 });
		const written = await writeUnderFire(target, store, { kills: 3 });
		const { restarts, again, promise } = target.figures();
		assert.equal(promise, "restart-checked");
		assert.ok(restarts >= 1, `${restarts} restarts`);
		// otherwise the test shows nothing
		assert.ok(again > 0);
		await store.kill();
		await store.start();
		await assertStored(store, written);
	},
);

for (const window of ["0s", "1h"])
	withStore(
		"prometheus",
		`killed again and again, it has everything (out_of_order_time_window ${window})`,
		async (t) => {
			const store = await startStore(t, "prometheus", {
				config: `{ storage: { tsdb: { out_of_order_time_window: ${window} } } }`,
			});
			const { target, file } = await targetOf(t, store.url);
			const written = await writeUnderFire(target, store, { kills: 3 });
			assert.equal(target.figures().promise, "logged");
			await assertStored(store, written);
			// late ones, beside fresh ones and beside a series that it takes no more
			const now = nowSeconds();
			const at = (age: number, metrics: Record<string, number>) => ({
				hostname: "late",
				timestamp: now - age,
				metrics,
			});
			await target.write(batchOf("late", [at(0, { a: 1 })]));
			const { accepted, quarantined } = await target.write(
				batchOf("late", [
					at(100, { a: 2 }),
					at(50, { b: 3 }),
					at(86_400, { c: 4 }),
				]),
			);
			const isLateTaken = window === "1h";
			assert.deepEqual([accepted, quarantined], isLateTaken ? [2, 1] : [1, 2]);
			const stored = await store.stored('{instance="late"}');
			assert.equal(stored.get("b{late,late}")?.size, 1);
			assert.equal(stored.get("a{late,late}")?.size, isLateTaken ? 2 : 1);
			const lines = (await readFile(file, "utf8")).trim().split("\n");
			assert.deepEqual(
				lines.map((line) => JSON.parse(line).metric.__name__).sort(),
				isLateTaken ? ["c"] : ["a", "c"],
			);
		},
	);

withStore(
	"vmagent",
	"accepted is acknowledged, and it passes everything on",
	async (t) => {
		if (lacksPeer(t, missingStore("victoria-metrics"))) return;
		const behind = await startStore(t, "victoria-metrics");
		const agent = await startStore(t, "vmagent", {
			flags: [`-remoteWrite.url=${behind.url}`],
		});
		const { target } = await targetOf(t, agent.url);
		const written = await target.write(batchOf("h0", { "a.b": 1.25, c: -2 }));
		await written.durable;
		assert.equal(target.figures().promise, "accepted");
		await eventually(
			"both arrive",
			async () => (await behind.stored('{instance="h0"}')).size === 2,
		);
	},
);

withStore(
	"victoria-metrics",
	"names, labels and times arrive as they were sent",
	async (t) => {
		const store = await startStore(t, "victoria-metrics");
		const { target } = await targetOf(t, store.url, { ackAfterSeconds: 0 });
		const many = Object.fromEntries(
			Array.from({ length: 27 }, (_, n) => [`l${n}`, `v"\\\n${n}é𝄞`]),
		);
		const { accepted, quarantined } = await target.write(
			batchOf("web1:6777", { "cpu.user": 1, "9": 2, größe: 3 }, many),
		);
		assert.deepEqual([accepted, quarantined], [3, 0]);
		const all = await fetch(
			`http://127.0.0.1:${store.port}/internal/force_flush`,
		).then(() =>
			fetch(
				`http://127.0.0.1:${store.port}/api/v1/export?match[]=${encodeURIComponent('{instance="web1:6777"}')}`,
			),
		);
		const found = (await all.text())
			.trim()
			.split("\n")
			.map((line) => JSON.parse(line).metric);
		assert.deepEqual(
			found.map(({ __name__, ...labels }) => [__name__, labels]).sort(),
			["_9", "cpu_user", "gr__e"].map((name) => [
				name,
				{ instance: "web1:6777", hostname: "web1:6777", ...many },
			]),
		);
	},
);
