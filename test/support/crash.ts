import { chmod, writeFile } from "node:fs/promises";
import { Agent } from "node:https";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fixtures } from "./agent.ts";
import { createLedger, type Sample } from "./crash-ledger.ts";
import { startDaemon } from "./daemon.ts";
import { eventually } from "./eventually.ts";
import { send } from "./https.ts";
import { createScope, type Scope } from "./scope.ts";
import { temporaryDirectory } from "./temporary.ts";

type Operation = "append" | "drain" | "lease" | "ack";

/** The results of a crash test. Samples come from writers and collection passes. */
export interface CrashReport {
	seed: number;
	rounds: number;
	/** Kills that left at least one request without a complete answer. */
	killsInOpenRequest: number;
	/** Such requests. */
	broken: Record<Operation, number>;
	/** Samples whose append was answered `ok`, and appends that were not answered. */
	appendedOk: number;
	unanswered: number;
	/** Passes stored according to the log, and passes that reached a consumer. */
	passesStored: number;
	passesDelivered: number;
	/** Samples that reached a consumer, and how often one was delivered again. */
	delivered: number;
	duplicates: number;
	/** Acknowledgements answered `ok`; batches that were leased again under their id. */
	acknowledged: number;
	batchesAgain: number;
	/** All of these must be 0. */
	lost: number;
	passesLost: number;
	resurrected: number;
	batchesChanged: number;
	/** Unanswered appends of which only a part reached a consumer. */
	torn: number;
	/** Error lines in the agent's log. */
	errors: readonly string[];
}

/** Mulberry32: numbers from 0 to 1, exclusive. */
export function createRandom(seed: number): () => number {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
}

/**
 * Durations of rounds, in turn and in milliseconds, so that even a few rounds include each kind:
 * several passes, an end around the first one, and a short one.
 */
const lives = [
	[1500, 2500],
	[700, 1100],
	[5, 400],
	[5, 400],
	[5, 400],
] as const;

/** A plugin that prints a new number on each run. */
const passPlugin = `#!/bin/sh
printf 'pass.id\\t%s\\t%s\\n' "$(date +%s%6N)" "$(date +%s)"
`;

/**
 * Kills the built agent at random moments, round after round on one directory, while writers
 * append, a pass is collected every second, one consumer drains and one leases and acknowledges.
 * Takes everything that is left in the end, and compares. Throws if an answer is incomplete without
 * a kill, and if it is aborted.
 */
export async function crashRounds(
	t: Pick<TestContext, "after">,
	parts: {
		rounds: number;
		seed: number;
		progress?: (line: string) => void;
		/** Aborts it between two rounds. */
		signal?: AbortSignal;
	},
): Promise<CrashReport> {
	const { rounds, seed } = parts;
	const random = createRandom(seed);
	const between = (least: number, most: number) =>
		least + Math.floor(random() * (most - least + 1));
	const directory = await temporaryDirectory(t);
	await writeFile(join(directory, "metrics_pass"), passPlugin);
	await chmod(join(directory, "metrics_pass"), 0o755);
	const ledger = createLedger();
	const broken = { append: 0, drain: 0, lease: 0, ack: 0 };
	const late: { batchId: string; ids: number[] }[] = [];
	const passesOfRounds: number[] = [];
	const errors: string[] = [];
	let killsInOpenRequest = 0;

	const start = (scope: Scope, ...flags: string[]) =>
		startDaemon(
			scope,
			[
				...["--collection-interval-seconds", "1"],
				...["--sensu-plugin-paths", `${join(fixtures, "sensu")},${directory}`],
				...flags,
			],
			{ directory },
		);

	/** The clients of one agent. `killed` is checked before and after each request. */
	const clientsOf = (port: number, killed: () => boolean) => {
		const call = async <T>(
			agent: Agent,
			operation: Operation | "peek",
			body: unknown,
		): Promise<T | undefined> => {
			const path = operation === "drain" ? "/metric" : `/metric/${operation}`;
			const text = JSON.stringify(body);
			const sent = { port, method: "POST", path, body: text, agent };
			const answer = await send(sent).catch((error: unknown) => {
				if (!killed() || operation === "peek") throw error;
				broken[operation]++;
			});
			if (answer && answer.status !== 200)
				throw new Error(`${operation}: ${answer.status} ${answer.text}`);
			return answer?.json as T | undefined;
		};
		const write = async (agent: Agent, most: number, width: number) => {
			const samples = ledger.create(between(1, most), width);
			const body = { apikey: "", metric_data: samples };
			if (await call(agent, "append", body)) ledger.appended(samples);
			else
				ledger.unanswered.push({
					first: samples[0]?.timestamp ?? 0,
					count: samples.length,
				});
		};
		const drain = async (agent: Agent) => {
			const { acknowledged } = ledger.counts;
			const answer = await call<{ metric_data: Sample[] | null }>(
				agent,
				"drain",
				{},
			);
			if (!answer) return;
			ledger.taken(ledger.read(answer.metric_data, acknowledged));
			if (!answer.metric_data) await pause(5);
		};
		const acknowledge = async (agent: Agent, batch: (typeof late)[number]) => {
			ledger.taken(batch.ids);
			if (await call(agent, "ack", { batch_id: batch.batchId }))
				ledger.acknowledged(batch.ids);
		};
		const lease = async (agent: Agent) => {
			const { acknowledged } = ledger.counts;
			const answer = await call<{
				batch_id: string | null;
				metric_data: Sample[] | null;
			}>(agent, "lease", { seconds: 1, limit: between(1, 60) });
			const { batch_id: batchId, metric_data: samples } = answer ?? {};
			if (!batchId || !samples) return pause(5);
			ledger.batch(batchId, samples);
			const batch = { batchId, ids: ledger.read(samples, acknowledged) };
			const dice = random();
			// the rest expires
			if (dice < 0.7) await acknowledge(agent, batch);
			if (dice < 0.1 && !killed()) await acknowledge(agent, batch);
			if (dice > 0.9) late.push(batch);
			const [old] = random() < 0.05 && !killed() ? late.splice(0, 1) : [];
			if (old) await acknowledge(agent, old);
		};
		/** A client with a connection of its own, opened before its work begins. */
		const run = async (
			work: (agent: Agent) => Promise<unknown>,
			rest: () => number,
		) => {
			const agent = new Agent({ keepAlive: true, maxSockets: 1 });
			await send({ port, agent });
			const ended = (async () => {
				while (!killed()) {
					await work(agent);
					if (!killed() && rest() > 0) await pause(rest());
				}
			})().finally(() => agent.destroy());
			return { ended };
		};
		return { call, drain, lease, write, run };
	};

	const round = async (number: number, scope: Scope) => {
		await writeFile(
			join(directory, "metrics.yaml"),
			`metrics:\n- hostname: round-${number}\n  plugins:\n  - plugin_name: metrics_ok\n  - plugin_name: metrics_pass\n`,
		);
		const daemon = await start(scope);
		let killed = false;
		const clients = clientsOf(daemon.port, () => killed);
		const { run, write } = clients;
		const before = Object.values(broken).reduce((sum, count) => sum + count);
		const running = [
			await run(
				(agent) => write(agent, 4, 1),
				() => 0,
			),
			await run(
				(agent) => write(agent, 100, 3),
				() => between(0, 20),
			),
			await run(
				(agent) => write(agent, 3000, 12),
				() => between(50, 300),
			),
			await run(clients.drain, () => between(0, 30)),
			await run(clients.lease, () => between(0, 10)),
		];
		const all = Promise.all(running.map(({ ended }) => ended));
		const [least, most] = lives[number % lives.length] ?? lives[0];
		const life = between(least, most);
		try {
			await Promise.race([pause(life), all]);
		} finally {
			killed = true;
			daemon.process.kill("SIGKILL");
		}
		const { signal, code, stdout } = await daemon.exited;
		await all;
		if (signal !== "SIGKILL") throw new Error(`ended by itself: ${code}`);
		const after = Object.values(broken).reduce((sum, count) => sum + count);
		if (after > before) killsInOpenRequest++;
		passesOfRounds.push(stdout.match(/ metrics stored: /g)?.length ?? 0);
		errors.push(...stdout.split("\n").filter((line) => /\[error\]/.test(line)));
	};

	/** Takes what is left, including leased samples, which a peek shows. */
	const takeTheRest = async (scope: Scope) => {
		const daemon = await start(scope, "--disable-collect-metrics");
		const { call, drain } = clientsOf(daemon.port, () => false);
		const agent = new Agent({ keepAlive: true, maxSockets: 1 });
		scope.after(() => agent.destroy());
		const isEmpty = async () => {
			await drain(agent);
			const left = await call<{ metric_data: unknown }>(agent, "peek", {});
			return left?.metric_data === null;
		};
		await eventually("nothing is left", isEmpty, 60_000);
		const { stdout } = await daemon.stop();
		errors.push(...stdout.split("\n").filter((line) => /\[error\]/.test(line)));
	};

	// a scope for each round, so that resources of a thousand rounds do not pile up
	const within = async (work: (scope: Scope) => Promise<void>) => {
		const scope = createScope();
		await work(scope).finally(scope.end);
	};
	for (let number = 0; number < rounds; number++) {
		parts.signal?.throwIfAborted();
		await within((scope) => round(number, scope));
		if ((number + 1) % 50 === 0) parts.progress?.(`${number + 1} rounds`);
	}
	await within(takeTheRest);
	return {
		seed,
		rounds,
		killsInOpenRequest,
		broken,
		...ledger.result(passesOfRounds),
		errors,
	};
}

/** The results, one line each. */
export const crashFigures = ({ broken, errors, ...rest }: CrashReport) =>
	[
		...Object.entries(rest),
		["requests broken off", JSON.stringify(broken)],
		["error lines in the log", errors.length],
	].map(([name, value]) => `${name}: ${value}`);
