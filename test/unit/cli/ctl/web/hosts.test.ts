import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HostFailure } from "../../../../../cli/ctl/target/answer.ts";
import type { Target } from "../../../../../cli/ctl/target/targets.ts";
import type { Ask } from "../../../../../cli/ctl/web/asking.ts";
import { Hosts } from "../../../../../cli/ctl/web/hosts.ts";
import { changed } from "../../../../../cli/ctl/web/page/host-list.ts";
import type { components } from "../../../../../generated/web-schema.ts";
import type { AgentClient } from "../../../../../src/client/index.ts";
import { eventually } from "../../../../support/eventually.ts";
import { unreachable, webTarget } from "../../../../support/web.ts";

type Changes = components["schemas"]["Changes"];

const never = new AbortController().signal;

const status = (version = "2.0.0") => ({
	...{ app_version: version, uptime_seconds: 5, num_goroutine: 1 },
	...{ callers: [], leveldb_properties: {} },
	metric_buffer_status: { newest_timestamp: 0, oldest_timestamp: 0 },
});

type Data = Record<string, unknown>;

/** An answer of a client; a number is the status of a refusal. */
const answerOf = (given: Data | number) =>
	typeof given === "number"
		? {
				error: { type: "urn:happo:problem:not-permitted", detail: "no" },
				response: new Response("", { status: given }),
			}
		: { data: given, response: new Response("", { status: 200 }) };

/** Agents whose answers are functions of host and path. */
function fakeAgents(
	answer: (
		host: string,
		path: string,
		signal: AbortSignal,
	) => Promise<Data | number> | Data | number,
) {
	const asked: string[] = [];
	const ask: Ask = async (target, work, signal) => {
		const call = async (path: string, init: { signal: AbortSignal }) => {
			asked.push(`${target.name} ${path}`);
			return answerOf(await answer(target.name, path, init.signal));
		};
		const client = { GET: call, POST: call } as unknown as AgentClient;
		try {
			return { host: target.name, ok: true, data: await work(client, signal) };
		} catch (error) {
			if (error instanceof HostFailure)
				return { host: target.name, ok: false, error: error.failure };
			return unreachable(target.name);
		}
	};
	return { ask, asked };
}

const hang = (signal: AbortSignal) =>
	new Promise<never>((_, reject) => {
		if (signal.aborted) reject(signal.reason);
		signal.addEventListener("abort", () => reject(signal.reason));
	});

const hostsOf = (
	t: { after(end: () => void): void },
	targets: readonly Target[],
	ask: Ask,
	parallel = 4,
) => {
	const hosts = new Hosts({ targets, ask, asked: "tests", parallel });
	t.after(() => hosts.stop());
	return hosts;
};

/** Watches the list until `isEnough` holds for all that is known of it. */
async function watchList(
	hosts: Hosts,
	isEnough: (known: Map<string, components["schemas"]["Host"]>) => boolean,
) {
	const known = new Map<string, components["schemas"]["Host"]>();
	let revision = 0;
	while (!isEnough(known)) {
		const { hosts: changes } = await hosts.watch({ hosts: revision }, never);
		if (!changes) throw new Error("nothing changed in time");
		assert.ok(changes.revision > revision);
		revision = changes.revision;
		for (const host of changes.hosts) known.set(host.name, host);
	}
	return { known, revision };
}

describe("the list of hosts", () => {
	it("shows each host by its worst problem", async (t) => {
		const result = (check: string, state: string, output: string | null) => ({
			...{ check, plugin: check, state, exit_status: 0, ended_at: 1 },
			...{
				duration_seconds: 1,
				cpu_seconds: null,
				max_rss_bytes: null,
				output,
			},
			asked_by: { who: [], address: null, unproved_hops: 0 },
			variants: 1,
		});
		const results: Record<string, Data | number> = {
			"good:1": { results: [result("load", "OK", "fine")] },
			"critical:1": {
				results: [
					result("load", "WARNING", "hm"),
					result("disk", "CRITICAL", "\n<b>full</b>\x1b[31m\nmore"),
					result("swap", "UNKNOWN", null),
				],
			},
			"unknown:1": { results: [result("swap", "UNKNOWN", null)] },
			"refusing:1": 403,
			"old:1": 404,
		};
		const { ask } = fakeAgents((host, path) => {
			if (host === "down:1") throw new Error("down");
			if (path === "/results") return results[host] ?? { results: [] };
			return host === "ill:1"
				? {
						...status(),
						audit_log: { file: "", written: 1, lost: 3, problem: null },
					}
				: status();
		});
		const names = [...Object.keys(results), "ill:1", "down:1"];
		const hosts = hostsOf(
			t,
			names.map((name) => webTarget(name)),
			ask,
		);
		const { known } = await watchList(hosts, (all) =>
			names.every(
				(name) => !["waiting", undefined].includes(all.get(name)?.state),
			),
		);
		const shown = (name: string) => {
			const { state, problem, problems } = known.get(name) ?? {};
			return [state, problem, problems];
		};
		assert.deepEqual(shown("good:1"), ["ok", "", 0]);
		assert.deepEqual(shown("critical:1"), [
			...["critical", "disk: <b>full</b>\\x1b[31m", 3],
		]);
		assert.deepEqual(shown("unknown:1"), ["unknown", "swap: UNKNOWN", 1]);
		assert.deepEqual(shown("ill:1"), ["warning", "audit log: 3 lines lost", 1]);
		assert.deepEqual(shown("refusing:1"), ["ok", "", 0]);
		assert.deepEqual(shown("old:1"), ["ok", "", 0]);
		assert.deepEqual(shown("down:1"), ["failed", "connection refused", 1]);
	});

	it("tells hosts of one name by their bastions", async (t) => {
		const targets = [
			webTarget("10.0.0.5:1", "one:1"),
			webTarget("10.0.0.5:1", "two:1", "inner:1"),
			webTarget("two:1"),
		];
		const { ask } = fakeAgents((_, path) =>
			path === "/metrics" ? {} : status(),
		);
		const hosts = hostsOf(t, targets, ask);
		const { hosts: list } = await hosts.watch({ hosts: 0 }, never);
		assert.deepEqual(
			list?.hosts.map(({ key, name }) => [key, name]),
			[
				["10.0.0.5:1 via one:1", "10.0.0.5:1"],
				["10.0.0.5:1 via two:1, inner:1", "10.0.0.5:1"],
				["two:1", "two:1"],
			],
		);
	});

	it("is listed again while somebody watches, and stays as it was if that fails", async (t) => {
		const { ask } = fakeAgents((_, path) =>
			path === "/results" ? { results: [] } : status(),
		);
		let listed: Target[] | Error = [webTarget("a:1"), webTarget("b:1")];
		let times = 0;
		const complaints: string[] = [];
		const hosts = new Hosts({
			...{ targets: listed, ask, asked: "group WEB", parallel: 4 },
			relist: {
				list: async () => {
					times++;
					if (listed instanceof Error) throw listed;
					return listed;
				},
				complain: (line) => complaints.push(line),
				intervalSeconds: 0.01,
			},
		});
		t.after(() => hosts.stop());
		let known: components["schemas"]["Host"][] = [];
		let revision = 0;
		const until = async (names: readonly string[]) => {
			const isOk = () =>
				known.map(({ name }) => name).join() === names.join() &&
				known.every(({ state }) => state === "ok");
			while (!isOk()) {
				const { hosts: news } = await hosts.watch({ hosts: revision }, never);
				if (!news) throw new Error("nothing changed in time");
				revision = news.revision;
				known = changed(known, news);
				assert.equal(news.about.hosts, known.length);
			}
		};
		await new Promise((resolve) => setTimeout(resolve, 30));
		assert.equal(times, 0, "nobody watches");
		await until(["a:1", "b:1"]);

		listed = [webTarget("c:1"), { ...webTarget("b:1"), label: "bee" }];
		await until(["b:1", "c:1"]);
		assert.deepEqual(
			known.map(({ id, label }) => [id, label]),
			[
				[1, "bee"],
				[2, undefined],
			],
		);
		assert.equal(hosts.target(0).name, "a:1", "a page may not know it yet");

		listed = new Error("down");
		const page = new AbortController();
		const watching = hosts.watch({ hosts: 1e9 }, page.signal);
		const before = times;
		await eventually("two more attempts", () => times > before + 2);
		assert.deepEqual(complaints, ["the list of hosts stays as it was: down"]);
		page.abort();
		await watching;

		// the name comes back, but not the id
		listed = [webTarget("a:1")];
		await until(["a:1"]);
		assert.equal(known[0]?.id, 3);
	});

	it("gives the place of a slow host to others", async (t) => {
		const slow = Array.from({ length: 20 }, (_, n) => `slow${n}:1`);
		const names = [
			...slow,
			...Array.from({ length: 200 }, (_, n) => `h${n}:1`),
		];
		const { ask } = fakeAgents(async (host, path, signal) => {
			if (host.startsWith("slow")) return hang(signal);
			return path === "/results" ? { results: [] } : status();
		});
		const hosts = hostsOf(
			t,
			names.map((name) => webTarget(name)),
			ask,
			4,
		);
		const { known } = await watchList(
			hosts,
			(all) =>
				[...all.values()].filter(({ state }) => state === "ok").length === 200,
		);
		const waiting = slow.map((name) => known.get(name));
		assert.ok(waiting.every((host) => host?.state === "waiting"));
		assert.ok(waiting.some((host) => host?.waiting_since !== null));
	});

	it("asks few hosts at a time, and more if those do not answer quickly", async (t) => {
		t.mock.timers.enable({ apis: ["setTimeout"] });
		const { ask, asked } = fakeAgents((_, __, signal) => hang(signal));
		const names = Array.from({ length: 2_000 }, (_, n) => `h${n}:1`);
		const targets = names.map((name) => webTarget(name));
		const hosts = hostsOf(t, targets, ask, 4);
		const page = new AbortController();
		const watching = hosts.watch({ hosts: 1e9, wait_seconds: 60 }, page.signal);
		const turns = async () => {
			for (let n = 0; n < 20; n++) await new Promise(setImmediate);
		};
		await turns();
		assert.equal(asked.length, 4);
		t.mock.timers.tick(199);
		await turns();
		assert.equal(asked.length, 4);
		t.mock.timers.tick(1);
		await turns();
		assert.equal(asked.length, 8);
		for (let round = 0; round < 100; round++) {
			t.mock.timers.tick(200);
			await turns();
		}
		assert.equal(asked.length, 256, "bounded, whatever they do");
		page.abort();
		await watching;
	});

	it("asks nobody for results again who has none for it", async (t) => {
		const { ask, asked } = fakeAgents((_, path) =>
			path === "/results" ? 403 : status(),
		);
		const hosts = new Hosts({
			...{ targets: [webTarget("a:1")], ask, asked: "tests", parallel: 1 },
			intervalSeconds: 0.01,
		});
		t.after(() => hosts.stop());
		const page = new AbortController();
		const watching = hosts.watch({ hosts: 1e9 }, page.signal);
		const count = (path: string) =>
			asked.filter((one) => one === `a:1 ${path}`).length;
		await eventually("three rounds", () => count("/status") >= 3);
		assert.equal(count("/results"), 1);
		page.abort();
		await watching;
	});

	it("asks only while somebody watches", async (t) => {
		const aborted: string[] = [];
		const { ask, asked } = fakeAgents((host, _, signal) => {
			signal.addEventListener("abort", () => aborted.push(host));
			return hang(signal);
		});
		const hosts = hostsOf(t, [webTarget("a:1"), webTarget("b:1")], ask);
		await new Promise(setImmediate);
		assert.deepEqual(asked, []);
		await hosts.watch({ hosts: 0 }, never);
		assert.equal(asked.length, 2);
		hosts.stop();
		assert.deepEqual(aborted, ["a:1", "b:1"]);
	});
});

describe("the parts of a host", () => {
	const watchHealth = (hosts: Hosts, health: number): Promise<Changes> =>
		hosts.watch({ host: { id: 0, parts: { health } } }, never);

	it("says that it waits, why it failed, and what the last answer was", async (t) => {
		let answer: (signal: AbortSignal) => Promise<Data> | Data = hang;
		const { ask } = fakeAgents((_, __, signal) => answer(signal));
		const hosts = hostsOf(t, [webTarget("a:1")], ask);
		const part = async (known: number) =>
			(await watchHealth(hosts, known)).host?.parts.health;
		const waits = await part(0);
		assert.ok(waits?.waiting_since);
		assert.deepEqual([waits.failure, waits.data], [null, null]);
		hosts.stop();

		answer = () => status("2.0.1");
		let good = await part(0);
		while (!good?.data) good = await part(good?.revision ?? 0);
		assert.equal(good?.data?.status.app_version, "2.0.1");
		assert.deepEqual([good?.waiting_since, good?.failure], [null, null]);
		assert.ok(good?.answered_at);

		answer = () => Promise.reject(new Error("gone"));
		hosts.watched(0).parts.health.ask();
		const failed = await part(good?.revision ?? 0);
		assert.equal(failed?.failure?.message, "connection refused");
		assert.equal(
			failed?.answered_at,
			good.answered_at,
			"of the last good answer",
		);
		assert.deepEqual(failed?.data, good.data);
	});

	it("are independent of each other", async (t) => {
		const { ask } = fakeAgents((_, path, signal) =>
			path === "/commands"
				? hang(signal)
				: path === "/refusals"
					? 403
					: status(),
		);
		const hosts = hostsOf(t, [webTarget("a:1")], ask);
		const known = { health: 0, commands: 0, refusals: 0 };
		let parts: NonNullable<Changes["host"]>["parts"] = {};
		while (!parts.health?.data || !parts.refusals?.failure) {
			const { host } = await hosts.watch(
				{ host: { id: 0, parts: known } },
				never,
			);
			parts = { ...parts, ...host?.parts };
			for (const [name, { revision }] of Object.entries(host?.parts ?? {}))
				known[name as keyof typeof known] = revision;
		}
		assert.ok(parts.commands?.waiting_since);
		assert.equal(parts.refusals.failure.reason, "refused");
	});

	it("answers at once after the time that a page waits", async (t) => {
		const { ask } = fakeAgents((_, __, signal) => hang(signal));
		const hosts = hostsOf(t, [webTarget("a:1")], ask);
		const first = await watchHealth(hosts, 0);
		const known = first.host?.parts.health?.revision ?? 0;
		assert.deepEqual(
			await hosts.watch(
				{
					wait_seconds: 0,
					hosts: 1e9,
					host: { id: 0, parts: { health: known } },
				},
				never,
			),
			{ host: { id: 0, parts: {} } },
		);
	});

	it("ask for a refused buffer again only if somebody wants it", async (t) => {
		let peeks: Data | number = 403;
		const { ask, asked } = fakeAgents((_, path) =>
			path === "/metric/peek" ? peeks : ("" as unknown as Data),
		);
		const hosts = hostsOf(t, [webTarget("a:1")], ask);
		const { metrics } = hosts.watched(0).parts;
		const end = metrics.attention.watch();
		const answered = (before: number) =>
			eventually(
				"an answer",
				() => metrics.revision > before && metrics.state.waiting_since === null,
			);
		const askAgain = (isWanted: boolean) => {
			const before = metrics.revision;
			metrics.ask(isWanted);
			return answered(before);
		};
		const countPeeks = () =>
			asked.filter((one) => one === "a:1 /metric/peek").length;
		await answered(metrics.revision);
		assert.equal(metrics.state.data?.buffer_failure?.reason, "refused");
		await askAgain(false);
		assert.equal(countPeeks(), 1);
		peeks = { metric_data: [] };
		await askAgain(true);
		assert.equal(countPeeks(), 2);
		assert.equal(metrics.state.data?.buffer_failure, null);
		end();
	});

	it("are kept for few hosts", (t) => {
		const { ask } = fakeAgents(() => status());
		const targets = Array.from({ length: 20 }, (_, n) => webTarget(`h${n}:1`));
		const hosts = hostsOf(t, targets, ask);
		const first = hosts.watched(0);
		assert.equal(hosts.watched(0), first);
		for (let id = 1; id < 20; id++) hosts.watched(id);
		assert.notEqual(hosts.watched(0), first);
	});
});
