import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { eventually } from "./eventually.ts";
import { send } from "./https.ts";
import { programDirectory } from "./program-directory.ts";

type Test = Pick<TestContext, "after">;

const whyNot = (program: string) =>
	spawnSync(program, ["--version"]).status === 0
		? undefined
		: `${program} is not installed`;

/** Why the tests cannot run. */
export const missing = {
	promtool: whyNot("promtool"),
	prometheus: whyNot("prometheus"),
};

/** The complaints of `promtool check metrics` about a page in text format; empty if there are none. */
export function checkedByPromtool(page: string): string {
	const { status, stdout, stderr } = spawnSync(
		"promtool",
		["check", "metrics"],
		{ input: page, encoding: "utf8" },
	);
	const said = stdout + stderr;
	return status === 0 ? said : `exit status ${status}: ${said}`;
}

/** A scraper's request, and its answer. */
export interface Scrape {
	accept: string;
	status: number;
	contentType: string;
}

/**
 * A plain HTTP server on a free port of 127.0.0.1 that forwards every GET to the agent at `port`,
 * and records it. `accept` replaces the scraper's Accept header.
 */
export async function doorTo(
	t: Test,
	port: number,
	accept?: string,
): Promise<{ port: number; scrapes: Scrape[] }> {
	const scrapes: Scrape[] = [];
	const server = createServer(async (request, response) => {
		const { url: path = "/", headers } = request;
		const asked = headers.accept ?? "";
		const answer = await send({
			port,
			path,
			headers: { accept: accept ?? asked },
		}).catch(() => undefined);
		if (!answer) return response.destroy();
		const { status, body } = answer;
		const contentType = String(answer.headers["content-type"]);
		scrapes.push({ accept: asked, status, contentType });
		response.writeHead(status, { "content-type": contentType }).end(body);
	});
	t.after(() => {
		server.close();
		server.closeAllConnections();
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const address = server.address();
	assert.ok(typeof address === "object" && address);
	return { port: address.port, scrapes };
}

/** The target of a job. */
export interface Target {
	job: string;
	port: number;
	scheme: "http" | "https";
}

// JSON is valid YAML
const configOf = (targets: readonly Target[]) =>
	JSON.stringify({
		global: { scrape_interval: "1s", scrape_timeout: "1s" },
		scrape_configs: targets.map(({ job, port, scheme }) => ({
			job_name: job,
			scheme,
			tls_config: { insecure_skip_verify: true },
			static_configs: [{ targets: [`127.0.0.1:${port}`] }],
		})),
	});

/**
 * The program on a free port of 127.0.0.1, its log and the URL of its API; it is killed when the
 * test ends.
 */
async function startProgram(t: Test, config: string) {
	const { directory, owns } = await programDirectory(t);
	await writeFile(join(directory, "prometheus.yml"), config);
	const started = spawn(
		"prometheus",
		[
			"--config.file=prometheus.yml",
			"--storage.tsdb.path=data",
			"--web.listen-address=127.0.0.1:0",
		],
		{ stdio: ["ignore", "ignore", "pipe"], cwd: directory },
	);
	owns(started);
	let log = "";
	started.stderr.setEncoding("utf8").on("data", (text: string) => {
		log += text;
	});
	let address: string | undefined;
	await eventually("prometheus listens", () => {
		assert.equal(started.exitCode, null, log);
		const line = /msg="Listening on"[^\n]*\baddress="?(127\.0\.0\.1:\d+)/;
		address = line.exec(log)?.[1];
		return address !== undefined;
	});
	return { log: () => log, api: `http://${address}/api/v1` };
}

interface Vector {
	result: { metric: Record<string, string>; value: [number, string] }[];
}

interface Targets {
	activeTargets: { labels: { job: string }; lastError: string }[];
}

export interface Prometheus {
	/** Waits until an expression has this value for every job. */
	until(expression: string, value: number): Promise<void>;
	/** The type that it knows for a name, from any job. */
	typeOf(name: string): Promise<string | undefined>;
	/** Lines of its log above level info. */
	complaints(): string[];
}

/**
 * Starts a real Prometheus that scrapes these targets every second.
 * @param config its file, if the targets' own does not do
 */
export async function startPrometheus(
	t: Test,
	targets: readonly Target[],
	config = configOf(targets),
): Promise<Prometheus> {
	const { api, log } = await startProgram(t, config);
	const ask = async (path: string): Promise<unknown> =>
		((await (await fetch(`${api}/${path}`)).json()) as { data: unknown }).data;
	// it answers 503 until it is ready
	await eventually(
		"prometheus is ready",
		async () => (await fetch(`${api}/status/buildinfo`)).ok,
	);
	const query = async (expression: string) => {
		const path = `query?query=${encodeURIComponent(expression)}`;
		const { result } = (await ask(path)) as Vector;
		return Object.fromEntries(
			result.map(({ metric, value }) => [metric.job, Number(value[1])]),
		);
	};
	const scrapeErrors = async () =>
		((await ask("targets")) as Targets).activeTargets.map(
			({ labels, lastError }) => `${labels.job}: ${lastError || "scraped"}`,
		);
	return {
		async until(expression, value) {
			let found: Record<string, number> = {};
			const holds = async () => {
				found = await query(expression);
				return targets.every(({ job }) => found[job] === value);
			};
			await eventually(`${expression} is ${value}`, holds, 20_000).catch(
				async (error) => {
					const seen = JSON.stringify(found);
					assert.fail(`${error}, but ${seen}; ${await scrapeErrors()}`);
				},
			);
		},
		async typeOf(name) {
			const path = `metadata?metric=${encodeURIComponent(name)}`;
			const found = (await ask(path)) as Record<string, { type: string }[]>;
			return found[name]?.[0]?.type;
		},
		complaints: () =>
			log()
				.split("\n")
				.filter((line) => /\blevel=(?!info\b)/i.test(line)),
	};
}
