import { join } from "node:path";
import type { TestContext } from "node:test";
import { createAgentCalls } from "../../cli/collector/agent-calls.ts";
import {
	Collector,
	type CollectorOptions,
} from "../../cli/collector/collector.ts";
import type { CollectorStatus } from "../../cli/collector/figures.ts";
import { parseHostList } from "../../cli/collector/host-list.ts";
import {
	type HostBatch,
	type Target,
	TargetClosed,
	type TargetFigures,
	type Written,
} from "../../cli/collector/write/target.ts";
import { Abandoning } from "../../src/abandonment.ts";
import { createExchange } from "../../src/client/exchange.ts";
import { recordingLog } from "./agent.ts";
import { type StartOptions, startProgram } from "./daemon.ts";
import { temporaryDirectory } from "./temporary.ts";

type Test = Pick<TestContext, "after">;

/** A target of this process that a test controls. */
export interface TestTarget extends Target {
	/** Batches that it got. */
	batches: HostBatch[];
	/** Hosts that it was told to forget. */
	forgotten: string[];
	hasRoom: boolean;
	/** What becomes of the next batches: durable at once by default. */
	outcome: (batch: HostBatch) => Promise<Written>;
}

/** The timestamps of the samples that a target got from a host, or from all. */
export const timesIn = ({ batches }: TestTarget, host?: string) =>
	batches
		.filter((batch) => host === undefined || batch.host === host)
		.flatMap(({ metrics }) =>
			(metrics.metric_data ?? []).map(({ timestamp }) => timestamp),
		);

export const durableAtOnce = async (): Promise<Written> => ({
	accepted: 1,
	quarantined: 0,
	times: [Math.floor(Date.now() / 1_000)],
	durable: Promise.resolve(),
});

export function testTarget(): TestTarget {
	let isClosed = false;
	const figures: TargetFigures = {
		...{ accepted: 0, durable: 0, quarantined: {}, again: 0, requests: {} },
		...{ sentBytes: 0, restarts: 0, waiting: 0, held: 0, heldBytes: 0 },
		...{ oldestHeldMilliseconds: undefined, promise: "logged" },
	};
	const target: TestTarget = {
		batches: [],
		forgotten: [],
		hasRoom: true,
		outcome: durableAtOnce,
		async write(batch) {
			if (isClosed) throw new TargetClosed("closed");
			target.batches.push(batch);
			return target.outcome(batch);
		},
		forget: (host) => target.forgotten.push(host),
		figures: () => figures,
		async close() {
			isClosed = true;
		},
	};
	return target;
}

export interface TestCollector {
	collector: Collector;
	targets: Record<string, TestTarget>;
	lines: string[];
	/** Replaces the list of hosts, in the format of file_sd. */
	setHosts(list: unknown): void;
	stop(): Promise<void>;
}

/** A collector of this process with targets by consumer; it ends with the test. */
export function startCollector(
	t: Test,
	list: unknown,
	options: Partial<
		Omit<CollectorOptions, "targets"> & {
			consumers: readonly string[];
			timeoutMilliseconds: number;
			leaseSeconds: number;
			key: string;
		}
	> = {},
): TestCollector {
	const { consumers = ["default"], leaseSeconds = 60 } = options;
	const { log, lines } = recordingLog();
	const targets = Object.fromEntries(
		consumers.map((consumer) => [consumer, testTarget()]),
	);
	const exchange = createExchange({
		trust: "unverified",
		pin: () => undefined,
		maxAnswerBytes: 1 << 24,
		maxRequests: undefined,
	});
	const collector = new Collector({
		calls: createAgentCalls({
			exchangeTo: () => exchange,
			isVerified: () => options.key !== undefined,
			key: options.key ?? "",
			leaseSeconds,
			timeoutMilliseconds: options.timeoutMilliseconds ?? 60_000,
			signal: new Abandoning(),
		}),
		intervalSeconds: 0.2,
		shard: "1/1",
		drainsV1: false,
		limits: { all: 16, each: 8, allSlow: 8, eachSlow: 2 },
		...options,
		leaseSeconds,
		targets: consumers.map((consumer) => ({
			consumer,
			url: "http://store.test/",
			target: targets[consumer] as TestTarget,
		})),
		log,
	});
	const setHosts = (list: unknown) => {
		const { hosts, complaints } = parseHostList(JSON.stringify(list));
		collector.setHosts(hosts, complaints.length);
	};
	setHosts(list);
	collector.start();
	let stopped: Promise<void> | undefined;
	const stop = () => {
		stopped ??= collector.stop(10_000);
		return stopped;
	};
	t.after(async () => {
		await stop();
		exchange.close();
	});
	return { collector, targets, lines, setHosts, stop };
}

/** The built program. */
export const collectorProgram = join(process.cwd(), "dist/happo-collector.js");

/** A collector in a process of its own, which serves its pages on a free port of 127.0.0.1. */
export async function collectorProcess(
	t: Test,
	flags: readonly string[],
	options: Pick<StartOptions, "directory" | "environment"> = {},
) {
	const directory = options.directory ?? (await temporaryDirectory(t));
	const started = startProgram(
		t,
		["run", "--listen", "127.0.0.1:0", ...flags],
		{ ...options, directory, program: collectorProgram },
	);
	const [, port] = await started.printed(/\/metrics is on port (\d+)/);
	const status = async () => {
		const answer = await fetch(`http://127.0.0.1:${port}/status`);
		return (await answer.json()) as CollectorStatus;
	};
	return {
		...started,
		port: Number(port),
		directory,
		status,
		/** Stops it with SIGTERM and resolves with its end. */
		stop: () => {
			started.process.kill("SIGTERM");
			return started.exited;
		},
	};
}
