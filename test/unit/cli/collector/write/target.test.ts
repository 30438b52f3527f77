import assert from "node:assert/strict";
import { chmod, readFile, rename } from "node:fs/promises";
import { describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { TargetClosed } from "../../../../../cli/collector/write/target.ts";
import { eventually } from "../../../../support/eventually.ts";
import {
	batchOf,
	nowSeconds,
	type StubSample,
	startStubStore,
	targetOf,
	victoriaPage,
} from "../../../../support/stub-store.ts";

/** `name{label=value} value`, for comparisons. */
const texts = (samples: readonly StubSample[]) =>
	samples
		.map(({ labels: { __name__, instance, hostname }, value }) =>
			[__name__, instance, hostname, value].join(" "),
		)
		.sort();

interface Line {
	metric: Record<string, string>;
	values: (number | null)[];
	timestamps: number[];
	kind: string;
	reason: string;
	host: string;
	consumer: string;
}

const linesOf = async (file: string): Promise<Line[]> =>
	(await readFile(file, "utf8"))
		.trim()
		.split("\n")
		.map((line) => JSON.parse(line));

// each waits for requests, which are sent a second after their first sample
describe("a target", { concurrency: true }, () => {
	it("batches of many hosts become one request, with names and labels that stores take", async (t) => {
		const store = await startStubStore(t);
		const { target } = await targetOf(t, store.url);
		const written = await Promise.all([
			target.write(
				batchOf(
					"web1:6777",
					{ "cpu.user%": 1.5, "9lives": 2 },
					{ dc: "a", alpha: "b" },
				),
			),
			target.write(
				batchOf("web2:6777", { "cpu.user%": -3e-9 }, { instance: "web-two" }),
			),
		]);
		assert.deepEqual(
			written.map(({ accepted, quarantined }) => [accepted, quarantined]),
			[
				[2, 0],
				[1, 0],
			],
		);
		const [{ samples, headers } = assert.fail(), ...others] = store.requests;
		assert.deepEqual(others, []);
		assert.deepEqual(texts(samples), [
			"_9lives web1:6777 web1:6777 2",
			"cpu_user_ web-two web2:6777 -3e-9",
			"cpu_user_ web1:6777 web1:6777 1.5",
		]);
		// those first that tell hosts apart
		assert.deepEqual(Object.keys(samples[0]?.labels ?? {}), [
			...["__name__", "instance", "hostname", "alpha", "dc"],
		]);
		assert.equal(headers["content-encoding"], "snappy");
		assert.equal(headers["content-type"], "application/x-protobuf");
		assert.equal(headers["x-prometheus-remote-write-version"], "0.1.0");
		await Promise.all(written.map(({ durable }) => durable));
		const figures = target.figures();
		assert.deepEqual(
			[figures.accepted, figures.durable, figures.waiting],
			[3, 3, 0],
		);
		assert.equal(figures.heldBytes, 0);
	});

	it("two names that become one are never merged: the valid one is written, the other quarantined", async (t) => {
		const store = await startStubStore(t);
		const { target, file, log } = await targetOf(t, store.url);
		const first = await target.write(
			batchOf("h", { "a.b": 1, a_b: 2, "a-b": 3, "c.d": 4 }),
		);
		assert.deepEqual([first.accepted, first.quarantined], [2, 2]);
		assert.deepEqual(texts(store.stored), ["a_b h h 2", "c_d h h 4"]);
		// c.d was written, so the valid name comes too late, for this host alone
		const second = await target.write(batchOf("h", { c_d: 5 }));
		const other = await target.write(batchOf("i", { c_d: 6 }));
		assert.deepEqual([second.accepted, other.accepted], [0, 1]);
		const lines = await linesOf(file);
		assert.deepEqual(
			lines.map(({ metric, values, kind, host, consumer }) => [
				metric.__name__,
				values[0],
				kind,
				host,
				consumer,
			]),
			[
				["a.b", 1, "name", "h", "fleet"],
				["a-b", 3, "name", "h", "fleet"],
				["c_d", 5, "name", "h", "fleet"],
			],
		);
		assert.equal(lines[0]?.reason, 'becomes a_b, as "a_b" does');
		assert.match(
			log.join("\n"),
			/^error: \S+: samples are written to \S+ instead, such as a\.b of h: becomes a_b, as "a_b" does$/m,
		);
	});

	it("which of two names is written is decided anew by a collector that starts", async (t) => {
		const store = await startStubStore(t);
		const both = { "a.b": 1, a_b: 2 };
		const before = await targetOf(t, store.url);
		await before.target.write(batchOf("h", both));
		const alone = await before.target.write(batchOf("h", { "a.b": 3 }));
		assert.deepEqual([alone.accepted, alone.quarantined], [0, 1]);
		await before.target.close(0);
		const { target, file } = await targetOf(t, store.url);
		// a plugin that prints only one of them now gets the series of the other
		const first = await target.write(batchOf("h", { "a.b": 4 }));
		assert.deepEqual([first.accepted, first.quarantined], [1, 0]);
		const then = await target.write(batchOf("h", both));
		assert.deepEqual([then.accepted, then.quarantined], [1, 1]);
		const [line] = await linesOf(file);
		assert.equal(line?.reason, 'becomes a_b, as "a.b" does');
		assert.deepEqual(
			store.stored.map(({ labels, value }) => [labels.__name__, value]),
			[
				["a_b", 2],
				["a_b", 4],
				["a_b", 1],
			],
		);
		await target.close(0);
		// with both in the first batch, the choice is always the same
		const again = await targetOf(t, store.url);
		await again.target.write(batchOf("h", both));
		assert.equal(store.stored.at(-1)?.value, 2);
	});

	it("an agent that prints any number of names for one costs others nothing", async (t) => {
		const store = await startStubStore(t);
		const { target } = await targetOf(t, store.url);
		await target.write(batchOf("good", { "a.b": 1 }));
		const odd = Object.fromEntries(
			Array.from({ length: 30_000 }, (_, n) => [
				`a${String.fromCodePoint(0x4e00 + (n % 20_000))}b`.repeat(
					1 + n / 20_000,
				),
				n,
			]),
		);
		const begun = performance.now();
		const { accepted, quarantined } = await target.write(batchOf("bad", odd));
		assert.deepEqual([accepted, quarantined], [2, 29_998]);
		// each pass begins with all those names known
		for (let pass = 0; pass < 20; pass++)
			await target.write(batchOf(`good${pass}`, { "a.b": pass }));
		assert.ok(performance.now() - begun < 40_000);
		const values = texts(store.stored).filter((text) => text.includes(" good"));
		assert.equal(values.length, 21);
	});

	it("more than 30 labels, unusable values and times that the store drops are quarantined", async (t) => {
		const store = await startStubStore(t);
		store.page = victoriaPage(1_790_000_000);
		const { target, file } = await targetOf(t, store.url, {
			ackAfterSeconds: 0,
		});
		const many = Object.fromEntries(
			Array.from({ length: 28 }, (_, n) => [`l${n}`, "x"]),
		);
		const now = nowSeconds();
		const at = (timestamp: number, metrics: Record<string, number>) => ({
			hostname: "h",
			timestamp,
			metrics,
		});
		const odd = JSON.parse(
			'{"x": {"toString": 1}, "y": 1e999, "__proto__": 7}',
		);
		const all = await Promise.all([
			target.write(batchOf("28", { a: 1 }, { ...many, l27: "" })),
			target.write(batchOf("31", { b: 1 }, many)),
			target.write(batchOf("odd", odd)),
			target.write(
				batchOf("times", [
					at(now - 32 * 86_400, { c: 1 }),
					at(now + 3 * 86_400, { c: 2 }),
					at(-5, { c: 3 }),
					at(now - 29 * 86_400, { c: 4 }),
				]),
			),
			target.write(
				batchOf("name", [
					{ hostname: "\ud800", timestamp: now, metrics: { d: 1 } },
				]),
			),
		]);
		assert.deepEqual(
			all.map(({ accepted, quarantined }) => [accepted, quarantined]),
			[
				[1, 0],
				[0, 1],
				[1, 2],
				[1, 3],
				[0, 1],
			],
		);
		assert.deepEqual(texts(store.stored), [
			"__proto__ odd odd 7",
			"a 28 28 1",
			"c times h 4",
		]);
		const lines = await linesOf(file);
		assert.deepEqual(
			lines
				.map(
					({ metric, kind, values }) => `${metric.__name__} ${kind} ${values}`,
				)
				.sort(),
			[
				"b labels 1",
				"c time 1",
				"c time 2",
				"c time 3",
				"d labels 1",
				"x value ",
				"y value ",
			],
		);
	});

	it("a series is in order of time, with one value for a time; late samples come in requests of their own", async (t) => {
		const store = await startStubStore(t);
		const { target, file } = await targetOf(t, store.url);
		const now = nowSeconds();
		const at = (age: number, metrics: Record<string, number>) => ({
			hostname: "h",
			timestamp: now - age,
			metrics,
		});
		await Promise.all([
			target.write(
				batchOf("h", [
					at(10, { a: 3 }),
					at(30, { a: 1, b: 9 }),
					at(20, { a: 2 }),
					at(10, { a: 3 }),
					at(20, { a: 2.5 }),
					at(4_000, { a: 0 }),
				]),
			),
			target.write(batchOf("fresh", { a: 1 })),
		]);
		const [fresh, late] = store.requests.map(({ samples }) =>
			samples.map(({ value }) => value),
		);
		assert.equal(store.requests.length, 3);
		const sent = store.requests.map(({ samples }) =>
			samples.map(({ value, time }) => [value, Math.round(time / 1_000 - now)]),
		);
		assert.deepEqual(
			sent.find((one) => one.length === 1 && one[0]?.[1] === -4_000),
			[[0, -4_000]],
		);
		assert.deepEqual(
			sent.find((one) => one.length === 4),
			[
				[1, -30],
				[2.5, -20],
				[3, -10],
				[9, -30],
			],
		);
		assert.ok(fresh && late);
		assert.deepEqual(
			(await linesOf(file)).map(({ kind, values }) => [kind, values[0]]),
			[["twice", 2]],
		);
		// older than what was sent before: late, however young
		await Promise.all([
			target.write(batchOf("h", [at(15, { a: 4 })])),
			target.write(batchOf("fresh", { a: 1 })),
		]);
		assert.deepEqual(
			store.requests.slice(3).map(({ samples }) => samples.length),
			[1, 1],
		);
	});

	it("a refused request is halved until the refused samples are alone, and the rest is written", async (t) => {
		const store = await startStubStore(t);
		store.answer = (samples) =>
			samples.some(({ labels }) => labels.__name__?.startsWith("bad"))
				? { status: 400, text: "no\nbad ones" }
				: { status: 204 };
		const { target, file } = await targetOf(t, store.url);
		const metrics = Object.fromEntries(
			Array.from({ length: 500 }, (_, n) => [
				n % 250 === 7 ? `bad${n}` : `m${n}`,
				n,
			]),
		);
		const [one, two] = await Promise.all([
			target.write(batchOf("h", metrics)),
			target.write(batchOf("i", { bad: 1, good: 2 })),
		]);
		assert.deepEqual(
			[one?.accepted, one?.quarantined, two?.accepted, two?.quarantined],
			[498, 2, 1, 1],
		);
		assert.equal(store.stored.length, 499);
		assert.ok(store.requests.length < 70, `${store.requests.length} requests`);
		assert.deepEqual(
			(await linesOf(file)).map(({ metric, host, reason, kind }) => [
				metric.__name__,
				host,
				reason,
				kind,
			]),
			[
				["bad7", "h", "no bad ones", "refused"],
				["bad257", "h", "no bad ones", "refused"],
				["bad", "i", "no bad ones", "refused"],
			],
		);
		assert.equal(target.figures().quarantined.refused, 3);
	});

	it("out of bounds once, and older samples are not asked about one by one", async (t) => {
		const store = await startStubStore(t);
		const now = nowSeconds();
		store.answer = (samples) =>
			samples.some(({ time }) => time < (now - 7_200) * 1_000)
				? { status: 400, text: "out of bounds" }
				: { status: 204 };
		const { target } = await targetOf(t, store.url);
		const names = Array.from({ length: 100 }, (_, n) => [`m${n}`, n] as const);
		const samples = Array.from({ length: 20 }, (_, n) => ({
			hostname: "h",
			timestamp: now - 600 * (20 - n),
			metrics: Object.fromEntries(names),
		}));
		const { accepted, quarantined } = await target.write(batchOf("h", samples));
		assert.deepEqual([accepted, quarantined], [1_200, 800]);
		assert.ok(store.requests.length < 80, `${store.requests.length} requests`);
	});

	it("out of bounds in the future says nothing about older samples", async (t) => {
		const store = await startStubStore(t);
		const now = nowSeconds();
		// a newer Prometheus, whose clock is five minutes behind
		store.answer = (samples) =>
			samples.some(({ time }) => time > (now + 300) * 1_000)
				? {
						status: 400,
						text: "out of bounds: timestamp is too far in the future",
					}
				: { status: 204 };
		const { target } = await targetOf(t, store.url);
		const names = Array.from({ length: 100 }, (_, n) => [`m${n}`, n] as const);
		const samples = [-200, -100, 0, 100, 200, 400, 500].map((ahead) => ({
			hostname: "h",
			timestamp: now + ahead,
			metrics: Object.fromEntries(names),
		}));
		const { accepted, quarantined } = await target.write(batchOf("h", samples));
		assert.deepEqual([accepted, quarantined], [500, 200]);
		// later ones are not asked about one by one, either
		assert.ok(store.requests.length < 30, `${store.requests.length} requests`);
	});

	it("out of bounds with a name in which future occurs says nothing about others", async (t) => {
		const store = await startStubStore(t);
		const now = nowSeconds();
		store.answer = (samples) => {
			const refused = samples.find(({ labels }) =>
				labels.__name__?.startsWith("future"),
			);
			return refused
				? { status: 400, text: `out of bounds: ${refused.labels.__name__}` }
				: { status: 204 };
		};
		const { target } = await targetOf(t, store.url);
		const samples = [-20, -10, 0].map((ahead) => ({
			hostname: "h",
			timestamp: now + ahead,
			metrics: { a: 1, future_b: 2, c: 3 },
		}));
		const { accepted, quarantined } = await target.write(batchOf("h", samples));
		assert.deepEqual([accepted, quarantined], [6, 3]);
	});

	it("a request that is answered 500 three times while others pass is halved", async (t) => {
		const store = await startStubStore(t);
		store.answer = (samples) =>
			samples.some(({ labels }) => labels.__name__ === "poison")
				? { status: 500, text: "label name is not unique" }
				: { status: 204 };
		const { target, file } = await targetOf(t, store.url);
		// alone: parts of the request itself are the others
		const { accepted, quarantined } = await target.write(
			batchOf("h", { a: 1, b: 2, poison: 3, d: 4 }),
		);
		assert.deepEqual([accepted, quarantined], [3, 1]);
		assert.deepEqual(
			(await linesOf(file)).map(({ metric }) => metric.__name__),
			["poison"],
		);
		assert.equal(new Set(texts(store.stored)).size, 3);
	});

	it("a store that answers nothing but 500 gets everything once it recovers", async (t) => {
		const store = await startStubStore(t);
		let isBroken = true;
		store.answer = () => ({ status: isBroken ? 500 : 204 });
		const { target } = await targetOf(t, store.url);
		const writing = target.write(batchOf("h", { a: 1, b: 2, c: 3 }));
		await eventually("many attempts", () => store.requests.length > 6, 30_000);
		isBroken = false;
		const { accepted, quarantined } = await writing;
		assert.deepEqual([accepted, quarantined], [3, 0]);
		assert.ok(target.hasRoom);
	});

	it("429 and 503 are repeated after the time that the store asks for; there is no room meanwhile", async (t) => {
		const store = await startStubStore(t);
		store.answer = () =>
			store.requests.length === 1
				? { status: 429, headers: { "retry-after": "2" } }
				: { status: 204 };
		const { target, log } = await targetOf(t, store.url);
		const writing = target.write(batchOf("h", { a: 1 }));
		await eventually(
			"an attempt",
			() => target.figures().requests["429"] === 1,
		);
		assert.equal(target.hasRoom, false);
		await eventually("another one", () => store.requests.length === 2);
		const [first, second] = store.requests.map(({ at }) => at);
		assert.ok((second ?? 0) - (first ?? 0) >= 1_990);
		await writing;
		assert.ok(target.hasRoom);
		assert.match(
			log.join("\n"),
			/warning: \S+: the store answers 429: status 429/,
		);
		assert.match(log.join("\n"), /: works again after 1 failure$/m);
	});

	it("a store that was away at the start gets everything later", async (t) => {
		const store = await startStubStore(t);
		store.isDown = true;
		const { target } = await targetOf(t, store.url);
		await pause(1_500);
		assert.equal(target.hasRoom, false);
		store.isDown = false;
		// nobody writes before there is room
		await eventually("room", () => target.hasRoom);
		assert.equal((await target.write(batchOf("h", { a: 1 }))).accepted, 1);
	});

	it("samples are durable only if the store has run on; a restart has them written again", async (t) => {
		const store = await startStubStore(t);
		store.page = victoriaPage(1_790_000_000);
		const { target, log } = await targetOf(t, store.url, {
			ackAfterSeconds: 1,
		});
		const { durable } = await target.write(batchOf("h", { a: 1 }));
		const acceptedAt = performance.now();
		assert.equal(target.figures().promise, "restart-checked");
		assert.equal(target.figures().held, 1);
		store.page = victoriaPage(1_790_000_100);
		await durable;
		// accepted, noticed a second later, settled, accepted again, and a second more
		assert.ok(performance.now() - acceptedAt >= 2_000);
		assert.equal(store.stored.length, 2);
		const { again, restarts, accepted, held } = target.figures();
		assert.deepEqual([again, restarts, accepted, held], [1, 1, 1, 0]);
		const begun = performance.now();
		await (await target.write(batchOf("h", { a: 2 }))).durable;
		assert.ok(performance.now() - begun >= 1_000);
		assert.equal(store.stored.length, 3);
		// a start time of before: these are two processes
		store.page = victoriaPage(1_790_000_000);
		await (await target.write(batchOf("h", { a: 3 }))).durable;
		assert.equal(target.figures().promise, "accepted");
		assert.match(log.join("\n"), /^error: \S+: several processes answer/m);
	});

	it("an odd answer in place of the store's page says nothing about the store", async (t) => {
		const store = await startStubStore(t);
		store.page = victoriaPage(1_790_000_000);
		const { target, log } = await targetOf(t, store.url, {
			ackAfterSeconds: 1,
		});
		const { durable } = await target.write(batchOf("h", { a: 1 }));
		// a proxy in front answers 404
		store.page = undefined;
		await eventually("it is said", () => log.some((line) => /404/.test(line)));
		assert.match(
			log.join("\n"),
			/^error: \S+: its page \/metrics answers 404 and does not say any more when the store was started: nothing is acknowledged until it does$/m,
		);
		assert.equal(target.figures().held, 1);
		store.page = victoriaPage(1_790_000_000);
		await durable;
		const { promise, restarts, again } = target.figures();
		assert.deepEqual([promise, restarts, again], ["restart-checked", 0, 0]);
	});

	it("where nobody tells, accepted is acknowledged, and that is said", async (t) => {
		const store = await startStubStore(t);
		store.page = undefined;
		const { target, log } = await targetOf(t, store.url);
		await (await target.write(batchOf("h", { a: 1 }))).durable;
		assert.equal(target.figures().promise, "accepted");
		assert.match(
			log.join("\n"),
			/^warning: \S+: not a store that says when it was started/m,
		);
	});

	it("labels may move from one host to another, and a host to another bastion", async (t) => {
		const store = await startStubStore(t);
		const { target } = await targetOf(t, store.url);
		const [primary, replica] = [
			{ instance: "primary" },
			{ instance: "replica" },
		];
		const write = (host: string, labels: Record<string, string>, key = host) =>
			target.write({ ...batchOf(host, { a: 1 }, labels), key });
		await write("db1", primary);
		await write("db2", replica);
		// after a failover
		await write("db1", replica);
		await write("db2", primary);
		await write("web", {}, "bastion1,web");
		await write("web", {}, "bastion2,web");
		target.forget("bastion1,web");
		await write("web", {}, "bastion2,web");
		assert.deepEqual(
			store.stored.map(({ labels }) => labels.instance),
			["primary", "replica", "replica", "primary", "web", "web", "web"],
		);
		await assert.rejects(
			write("j", { "os-name": "x" }),
			/j: not the name of a label: os-name/,
		);
	});

	it("batches of one agent over two bastions are written one after the other", async (t) => {
		const store = await startStubStore(t);
		const { target } = await targetOf(t, store.url);
		const at = (timestamp: number) => [
			{ hostname: "web", timestamp, metrics: { a: 1 } },
		];
		const now = nowSeconds();
		await Promise.all([
			target.write({ ...batchOf("web", at(now)), key: "bastion1,web" }),
			target.write({ ...batchOf("web", at(now - 10)), key: "bastion2,web" }),
		]);
		// the older one was not in one request with the newer one of the same series
		assert.deepEqual(
			store.requests.map(({ samples }) => samples.map(({ time }) => time)),
			[[now * 1_000], [(now - 10) * 1_000]],
		);
	});

	it("memory is bounded: there is no room until the store has taken something", async (t) => {
		const store = await startStubStore(t);
		let release = () => {};
		store.answer = () =>
			new Promise((resolve) => {
				release = () => resolve({ status: 204 });
			});
		const { target } = await targetOf(t, store.url, { maxHeldBytes: 30_000 });
		const metrics = Object.fromEntries(
			Array.from({ length: 3_000 }, (_, n) => [`m${n}`, Math.random()]),
		);
		const writing = target.write(batchOf("h", metrics));
		await eventually("a request", () => store.requests.length === 1);
		assert.equal(target.hasRoom, false);
		release();
		await writing;
		assert.equal(target.hasRoom, true);
		await target.close(0);
		assert.equal(target.hasRoom, false);
	});

	it("batches that wait for the one before count as memory; what has no room is left to the agent", async (t) => {
		const store = await startStubStore(t);
		let release = () => {};
		const released = new Promise<void>((resolve) => {
			release = resolve;
		});
		store.answer = async () => {
			await released;
			return { status: 204 };
		};
		const { target } = await targetOf(t, store.url, { maxHeldBytes: 100_000 });
		const first = target.write(batchOf("h", { a: 1 }));
		await eventually("a request", () => store.requests.length === 1);
		assert.equal(target.hasRoom, true);
		const large = { ...batchOf("h", { a: 2 }), bytes: 34_000 };
		const second = target.write(large);
		// 34,000 bytes of JSON are 102,000 of memory
		assert.ok(target.figures().heldBytes >= 102_000);
		assert.equal(target.hasRoom, false);
		// leases were on their way when there was no room any more
		const third = target.write({ ...batchOf("h", { a: 3 }), bytes: 32_000 });
		await assert.rejects(
			target.write({ ...batchOf("h", { a: 5 }), bytes: 4_000 }),
			/^Error: h: 4000 bytes more than there is memory for: too many batches wait for the store$/,
		);
		// v1 has deleted what it gave
		const v1 = batchOf("h", { a: 4 });
		const drained = target.write({
			...{ ...v1, bytes: 4_000 },
			metrics: { ...v1.metrics, batch_id: null },
		});
		release();
		const written = await Promise.all([first, second, third, drained]);
		for (const { accepted } of written) assert.equal(accepted, 1);
		assert.deepEqual(
			store.stored.map(({ value }) => value),
			[1, 2, 3, 4],
		);
		await eventually("nothing is held", () => target.figures().heldBytes === 0);
	});

	it("a sample with an impossible time costs itself, and not its batch", async (t) => {
		const store = await startStubStore(t);
		const { target, file } = await targetOf(t, store.url);
		const now = nowSeconds();
		const { accepted, quarantined, times } = await target.write(
			batchOf("h", [
				{ hostname: "h", timestamp: now, metrics: { a: 1 } },
				// in nanoseconds
				{ hostname: "h", timestamp: now * 1e9, metrics: { a: 2 } },
			]),
		);
		assert.deepEqual([accepted, quarantined, times], [1, 1, [now]]);
		const [line] = await linesOf(file);
		assert.deepEqual([line?.kind, line?.timestamps], ["time", [now * 1e12]]);
	});

	it("the store's clock decides what is too old or too new", async (t) => {
		const store = await startStubStore(t);
		// this machine's clock is three days behind
		const now = () => Date.now() - 3 * 86_400_000;
		const { target, log } = await targetOf(t, store.url, { now });
		const { accepted, quarantined } = await target.write(
			batchOf("h", { a: 1 }),
		);
		assert.deepEqual([accepted, quarantined], [1, 0]);
		assert.match(
			log.join("\n"),
			/^warning: \S+: its clock and the one here differ by 2592\d\d s: /m,
		);
	});

	it("a quarantine file that cannot be written keeps the batch with the agent", async (t) => {
		const store = await startStubStore(t);
		const { target } = await targetOf(t, store.url, {
			quarantineFile: "/nonexistent/q",
		});
		await assert.rejects(
			target.write(batchOf("h", { "a.b": 1, a_b: 1 })),
			/\/nonexistent\/q: no such file or directory/,
		);
		const small = await targetOf(t, store.url, { maxQuarantineBytes: 10 });
		await assert.rejects(
			small.target.write(batchOf("h", { "a.b": 1, a_b: 1 })),
			/has reached its limit of 10 bytes/,
		);
		await small.target.write(batchOf("i", { c: 1 }));
		await chmod(small.file, 0o640);
	});

	it("a host fills its part of the quarantine file, and not that of others", async (t) => {
		const store = await startStubStore(t);
		const { target, file } = await targetOf(t, store.url, {
			maxQuarantineBytes: 16 * 1_000,
		});
		const odd = { "a.b": 1, a_b: 1 };
		let written = 0;
		await assert.rejects(async () => {
			for (; written < 10; written++) await target.write(batchOf("h", odd));
		}, /: the host has reached its share of 1000 bytes$/);
		assert.ok(written > 1 && written < 10, String(written));
		const hostsIn = async () =>
			(await readFile(file, "utf8"))
				.trimEnd()
				.split("\n")
				.map((line) => (JSON.parse(line) as { host: string }).host);
		assert.deepEqual(
			await hostsIn(),
			Array.from({ length: written }, () => "h"),
		);
		// what the store takes is written, and other hosts are not kept waiting
		await target.write(batchOf("h", { c: 1 }));
		await target.write(batchOf("i", odd));
		await assert.rejects(target.write(batchOf("h", odd)), /its share/);
		assert.deepEqual((await hostsIn()).slice(written), ["i"]);
		// whoever has looked at the file moves it away
		await rename(file, `${file}.1`);
		await target.write(batchOf("h", odd));
		assert.deepEqual(await hostsIn(), ["h"]);
	});

	it("an answer that waits to be durable is not in memory any more", async (t) => {
		setFlagsFromString("--expose-gc");
		const collectGarbage: () => void = runInNewContext("gc");
		const store = await startStubStore(t);
		store.page = victoriaPage(1_790_000_000);
		const { target } = await targetOf(t, store.url, { ackAfterSeconds: 600 });
		const write = async () => {
			const batch = batchOf("h", { a: 1 });
			const { durable } = await target.write(batch);
			durable.catch(() => {});
			return new WeakRef(batch.metrics);
		};
		const metrics = await write();
		await pause(10);
		collectGarbage();
		assert.equal(target.figures().held, 1);
		assert.equal(metrics.deref(), undefined);
	});

	it("closing sends what is there; what is not durable is not acknowledged", async (t) => {
		const store = await startStubStore(t);
		store.page = victoriaPage(1_790_000_000);
		const { target } = await targetOf(t, store.url, { ackAfterSeconds: 60 });
		await eventually("room", () => target.hasRoom);
		const writing = target.write(batchOf("h", { a: 1 }));
		await new Promise(setImmediate);
		await target.close(5_000);
		const { durable } = await writing;
		assert.equal(store.stored.length, 1);
		await assert.rejects(durable, TargetClosed);
		await assert.rejects(target.write(batchOf("h", { a: 1 })), TargetClosed);
	});

	it("what an agent sends in place of samples is refused", async (t) => {
		const store = await startStubStore(t);
		const { target } = await targetOf(t, store.url);
		for (const data of [
			[null],
			[{ hostname: 1, timestamp: 1, metrics: {} }],
			[{ hostname: "", timestamp: 1.5, metrics: {} }],
			[{ hostname: "", timestamp: 1, metrics: "abc" }],
		])
			await assert.rejects(
				target.write(batchOf("h", data as never)),
				/h: leased what are no samples/,
			);
		const { accepted } = await target.write(
			batchOf("h", [{ hostname: "", timestamp: nowSeconds(), metrics: null }]),
		);
		assert.equal(accepted, 0);
		assert.equal(store.requests.length, 0);
	});
});
