import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";
import { killProcess } from "./kill-process.ts";
import { temporaryDirectory } from "./temporary.ts";

type Test = Pick<TestContext, "after">;

export type StoreKind = "victoria-metrics" | "prometheus" | "vmagent";

/** Why a store's tests cannot run; undefined if they can. */
export const missingStore = (program: StoreKind | "nats-server") =>
	spawnSync(program, ["--version"]).error
		? `${program} is not installed`
		: undefined;

/** Values by time in milliseconds, of one series. */
export type StoredSeries = Map<number, number>;

export interface RealStore {
	/** For `--write`. */
	url: URL;
	port: number;
	pid(): number;
	/** Ends it with kill -9. */
	kill(): Promise<void>;
	/** Starts it again, on the same port and directory. */
	start(): Promise<void>;
	/**
	 * All that it has stored of series that match, by `name{instance,hostname}`; not for vmagent.
	 * @param match such as `{instance="web1"}`
	 */
	stored(match: string): Promise<Map<string, StoredSeries>>;
	/** As `stored`, what anybody can see of the last seconds: the store need not write it out first. */
	recent(match: string, seconds: number): Promise<Map<string, StoredSeries>>;
	/** What it wrote to standard error. */
	log(): string;
}

const argumentsOf = (
	kind: StoreKind,
	listen: string,
	directory: string,
): string[] =>
	({
		"victoria-metrics": [
			`-storageDataPath=${directory}/data`,
			`-httpListenAddr=${listen}`,
			...[
				"-search.maxUniqueTimeseries=20000000",
				"-search.maxExportDuration=10m",
			],
			...["-search.maxSamplesPerQuery=4000000000", "-memory.allowedPercent=20"],
		],
		prometheus: [
			`--config.file=${directory}/prometheus.yml`,
			`--storage.tsdb.path=${directory}/data`,
			`--web.listen-address=${listen}`,
			...[
				"--web.enable-remote-write-receiver",
				"--query.max-samples=2000000000",
			],
		],
		vmagent: [
			`-remoteWrite.tmpDataPath=${directory}/queue`,
			`-httpListenAddr=${listen}`,
		],
	})[kind];

const seriesKey = ({ __name__, instance, hostname }: Record<string, string>) =>
	`${__name__}{${instance},${hostname}}`;

async function fromVictoria(api: string, match: string, start = 0) {
	const query = new URLSearchParams({
		...{ "match[]": match, start: String(start) },
	});
	const answer = await fetch(`${api}/api/v1/export?${query}`);
	assert.equal(answer.status, 200);
	const found = new Map<string, StoredSeries>();
	let rest = "";
	const take = (line: string) => {
		if (line === "") return;
		const { metric, values, timestamps } = JSON.parse(line);
		const series = found.get(seriesKey(metric)) ?? new Map();
		found.set(seriesKey(metric), series);
		for (const [index, time] of timestamps.entries())
			series.set(time, values[index]);
	};
	const decoder = new TextDecoder();
	for await (const chunk of answer.body ?? []) {
		const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
		rest = lines.pop() ?? "";
		lines.forEach(take);
	}
	take(rest);
	return found;
}

async function fromPrometheus(api: string, match: string, seconds = 86_400) {
	const found = new Map<string, StoredSeries>();
	const query = new URLSearchParams({ query: `${match}[${seconds}s]` });
	const answer = await fetch(`${api}/api/v1/query?${query}`);
	const { data } = (await answer.json()) as {
		data: {
			result: { metric: Record<string, string>; values: [number, string][] }[];
		};
	};
	for (const { metric, values } of data.result)
		found.set(
			seriesKey(metric),
			new Map(
				values.map(([time, value]) => [
					Math.round(time * 1_000),
					Number(value),
				]),
			),
		);
	return found;
}

/**
 * Starts a real store of Debian on a free port of 127.0.0.1.
 * @param options.flags more flags
 * @param options.config Prometheus' file
 * @param options.wrapper a program in front, such as `nice -n 10`
 * @param options.parent where to put its directory, instead of a temporary one
 */
export async function startStore(
	t: Test,
	kind: StoreKind,
	options: {
		flags?: readonly string[];
		config?: string;
		wrapper?: readonly string[];
		parent?: string | undefined;
	} = {},
): Promise<RealStore> {
	const directory = join(options.parent ?? (await temporaryDirectory(t)), kind);
	await mkdir(directory);
	await writeFile(join(directory, "prometheus.yml"), options.config ?? "{}");
	const port = await freePort();
	const api = `http://127.0.0.1:${port}`;
	let child: ChildProcess | undefined;
	let log = "";
	const start = async () => {
		const [command = "", ...words] = [
			...[...(options.wrapper ?? []), kind],
			...argumentsOf(kind, `127.0.0.1:${port}`, directory),
			...(options.flags ?? []),
		];
		const started = spawn(command, words, {
			stdio: ["ignore", "ignore", "pipe"],
			cwd: directory,
		});
		child = started;
		started.stderr.setEncoding("utf8").on("data", (text: string) => {
			log = (log + text).slice(-100_000);
		});
		const path = kind === "prometheus" ? "/-/ready" : "/health";
		await eventually(
			`${kind} is ready`,
			async () => {
				assert.equal(started.exitCode, null, log);
				return fetch(`${api}${path}`).then(
					({ ok }) => ok,
					() => false,
				);
			},
			// a killed Prometheus reads its whole log first
			300_000,
		);
	};
	const kill = () => killProcess(child);
	t.after(kill);
	await start();
	return {
		...{ url: new URL(`${api}/api/v1/write`), port, kill, start },
		pid: () => child?.pid ?? 0,
		log: () => log,
		stored: async (match) => {
			if (kind === "prometheus") return fromPrometheus(api, match);
			await fetch(`${api}/internal/force_flush`);
			return fromVictoria(api, match);
		},
		recent: (match, seconds) =>
			kind === "prometheus"
				? fromPrometheus(api, match, seconds)
				: fromVictoria(api, match, Date.now() / 1_000 - seconds),
	};
}
