import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { eventually } from "../../../test/support/eventually.ts";
import { freePort } from "../../../test/support/free-port.ts";
import { killProcess } from "../../../test/support/kill-process.ts";
import { startStore } from "../../../test/support/stores.ts";
import { addressOf } from "../fleet/values.ts";
import { cpuOf, residentOf } from "../soak/process-figures.ts";
import type { Scene } from "./scene.ts";
import type { Section } from "./section.ts";
import { ratios, summary } from "./summary.ts";

/** Simulated agents, values of each, and seconds between two passes: 20,000 samples a second. */
const fleet = { agents: 500, values: 200, intervalSeconds: 5 };

/** Seconds of one measurement for each second of others, as the passes come in waves. */
const stretch = 10;

/** Waits until the page of a program has a counter, and returns it. */
async function counter(url: string, pattern: RegExp): Promise<number> {
	const page = await (await fetch(url)).text();
	let sum = 0;
	for (const [, value] of page.matchAll(pattern)) sum += Number(value);
	return sum;
}

interface Contender {
	name: string;
	start(): ChildProcess;
	/** Samples that the store has accepted from it so far. */
	written(): Promise<number>;
}

async function measured(
	{ t, plan, signal, progress }: Scene,
	{ name, start, written }: Contender,
) {
	const child = start();
	t.after(() => killProcess(child));
	const pid = child.pid ?? 0;
	await eventually(
		`${name} writes`,
		() =>
			written().then(
				(count) => count > 0,
				() => false,
			),
		60_000,
	);
	// Node compiles hot code, and all connections are open
	await pause(plan.warmUpSeconds * stretch * 1_000, undefined, { signal });
	const cpu: number[] = [];
	let samples = await written();
	let used = cpuOf(pid).own;
	for (let round = 0; round < plan.rounds; round++) {
		await pause(plan.seconds * stretch * 1_000, undefined, { signal });
		const [now, usedNow] = [await written(), cpuOf(pid).own];
		cpu.push((1e6 * (usedNow - used)) / (now - samples));
		progress(`${name}: ${now - samples} samples, ${cpu.at(-1)?.toFixed(2)} us`);
		samples = now;
		used = usedNow;
	}
	const memory = residentOf(pid).now / 1024;
	await killProcess(child);
	return { cpu, memory };
}

/**
 * The collector's CPU for a sample, beside that of Debian's vmagent, which scrapes the same values from
 * the same agents over HTTPS, on kept connections, and writes them to the same store.
 */
export async function benchCollector(scene: Scene): Promise<Section> {
	const { t, directory, keyPair } = scene;
	const store = await startStore(t, "victoria-metrics");
	const port = await freePort();
	const simulator = fork(
		"build/fleet/simulated-agents.js",
		[
			...[port, keyPair["public-key"], keyPair["private-key"]],
			...[join(directory, "journal"), 1, fleet.agents, fleet.values],
			...[fleet.intervalSeconds, 0],
		].map(String),
	);
	t.after(() => simulator.kill("SIGKILL"));
	await once(simulator, "message");
	const targets = Array.from(
		{ length: fleet.agents },
		(_, index) => `${addressOf(index + 1)}:${port}`,
	);
	const hosts = join(directory, "hosts.json");
	await writeFile(hosts, JSON.stringify([{ targets }]));
	const config = join(directory, "vmagent.yml");
	await writeFile(
		config,
		JSON.stringify({
			global: { scrape_interval: `${fleet.intervalSeconds}s` },
			scrape_configs: [
				{
					job_name: "agents",
					scheme: "https",
					tls_config: { insecure_skip_verify: true },
					file_sd_configs: [{ files: [hosts] }],
				},
			],
		}),
	);
	const silent = { stdio: "ignore" as const };
	const [own, other] = [await freePort(), await freePort()];
	const contenders: Contender[] = [
		{
			name: "collector",
			start: () =>
				spawn(
					process.execPath,
					[
						...["dist/happo-collector.js", "run", "--hosts", hosts],
						...["--insecure", "--write", store.url.href],
						...["--interval", String(fleet.intervalSeconds)],
						...["--listen", `127.0.0.1:${own}`],
						...["--quarantine", join(directory, "quarantine")],
						...["-l", join(directory, "collector.log")],
					],
					silent,
				),
			written: () =>
				counter(
					`http://127.0.0.1:${own}/metrics`,
					/^happo_collector_samples_written_total\{.*\} (\S+)$/gm,
				),
		},
		{
			name: "vmagent",
			start: () =>
				spawn(
					"vmagent",
					[
						`-promscrape.config=${config}`,
						`-remoteWrite.url=${store.url}`,
						`-remoteWrite.tmpDataPath=${join(directory, "vmagent")}`,
						`-httpListenAddr=127.0.0.1:${other}`,
					],
					silent,
				),
			written: () =>
				counter(
					`http://127.0.0.1:${other}/metrics`,
					/^vmagent_remotewrite_rows_pushed_after_relabel_total\{.*\} (\S+)$/gm,
				),
		},
	];
	const found = [];
	for (const contender of contenders)
		found.push({ ...contender, ...(await measured(scene, contender)) });
	const [collector, vmagent] = found;
	return {
		title: "Collector: CPU for a sample",
		notes: [
			`${fleet.agents} simulated agents with ${fleet.values} values every ${fleet.intervalSeconds} seconds, over HTTPS on kept connections`,
			"the collector leases and acknowledges, vmagent scrapes; both write to one VictoriaMetrics",
		],
		columns: ["us of CPU a sample", "MiB at the end"],
		rows: found.map(({ name, cpu, memory }) => ({
			name,
			cells: [summary(cpu), summary([memory])],
		})),
		verdicts: [
			{
				what: "CPU of the collector for a sample, times vmagent's",
				figure: ratios(collector?.cpu ?? [], vmagent?.cpu ?? []),
				target: { is: "at most", value: 3, stretch: 1.5 },
			},
		],
	};
}
