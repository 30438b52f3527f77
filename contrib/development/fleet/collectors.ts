import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { eventually } from "../../../test/support/eventually.ts";
import { freePort } from "../../../test/support/free-port.ts";
import type { Site } from "./site.ts";
import { restartable, silent, type Victim } from "./victim.ts";

/** Reads a page for Prometheus; "" if its process is away. */
const pageText = (page: string) =>
	fetch(page).then(
		(answer) => answer.text(),
		() => "",
	);

/** The sum of a counter of a collector's page over its consumers; undefined if it is not there. */
function counterOf(page: string, name: string): number | undefined {
	const line = new RegExp(
		`^happo_collector_${name}_total\\{.*\\} (\\S+)$`,
		"gm",
	);
	const found = [...page.matchAll(line)].map(([, value]) => Number(value));
	return found.length === 0
		? undefined
		: found.reduce((sum, each) => sum + each);
}

/** Batches that a collector has leased, and has neither acknowledged nor given up. */
export async function batchesLeasedBy(page: string): Promise<number> {
	const text = await pageText(page);
	const of = (name: string) => counterOf(text, name) ?? 0;
	return (
		of("batches_leased") - of("batches_acknowledged") - of("batches_unwritten")
	);
}

/** A collector, or several that share the hosts through NATS. */
export class Collectors {
	/** NATS first, if there is one. */
	readonly victims: Victim[] = [];
	readonly #pages: string[] = [];
	readonly #quarantines: string[] = [];
	/** By page: samples that its process has written. */
	readonly #written = new Map<string, number>();
	/** Samples that processes had written which were killed. */
	#endedWritten = 0;

	/**
	 * They are not started yet.
	 * @param hosts the list of hosts
	 * @param store where they write to
	 */
	static async prepare(
		site: Site,
		hosts: string,
		store: URL,
	): Promise<Collectors> {
		const collectors = new Collectors();
		const { workers } = site.options;
		const queue = workers > 0 ? await collectors.#prepareNats(site) : [];
		for (let number = 0; number < Math.max(1, workers); number++)
			await collectors.#prepareOne(site, number, [
				...["--hosts", hosts, "--write", store.href, ...queue],
			]);
		return collectors;
	}

	async #prepareNats({ scope, directory }: Site): Promise<string[]> {
		const port = await freePort();
		const config = join(directory, "nats.conf");
		await writeFile(
			config,
			`listen: "127.0.0.1:${port}"\njetstream: { store_dir: "${join(directory, "nats")}" }\n`,
		);
		this.victims.push(
			restartable(
				scope,
				"nats",
				() => spawn("nats-server", ["-c", config], silent),
				() => pause(500),
			),
		);
		return ["--queue", `nats://127.0.0.1:${port}`];
	}

	async #prepareOne(
		{ scope, directory, options }: Site,
		number: number,
		more: readonly string[],
	): Promise<void> {
		const port = await freePort();
		const quarantine = join(directory, `quarantine${number}`);
		this.#quarantines.push(quarantine);
		const page = `http://127.0.0.1:${port}/metrics`;
		this.#pages.push(page);
		const words = [
			...["dist/happo-collector.js", "run", "--insecure"],
			...["--quarantine", quarantine],
			...["--interval", String(options.intervalSeconds)],
			...["--ack-after", String(options.ackAfterSeconds)],
			...["--listen", `127.0.0.1:${port}`],
			...["-l", join(directory, `collector${number}.log`), ...more],
		];
		this.victims.push({
			page,
			...restartable(
				scope,
				"collector",
				() => spawn(process.execPath, words, silent),
				() =>
					eventually(
						"the collector listens",
						async () => (await pageText(page)) !== "",
						60_000,
					),
			),
		});
	}

	/** Reads how much each has written. Call it before one is killed, and every few seconds. */
	async read(): Promise<void> {
		await Promise.all(
			this.#pages.map(async (page) => {
				const now = counterOf(await pageText(page), "samples_written");
				if (now === undefined) return;
				const before = this.#written.get(page) ?? 0;
				// a restarted one begins at 0
				if (now < before) this.#endedWritten += before;
				this.#written.set(page, now);
			}),
		);
	}

	/** Samples that were written until the last reading. */
	get samplesWritten(): number {
		return [...this.#written.values()].reduce(
			(sum, each) => sum + each,
			this.#endedWritten,
		);
	}

	/** Samples in their quarantine files. */
	async quarantined(): Promise<number> {
		let lines = 0;
		for (const file of this.#quarantines)
			lines +=
				(await readFile(file, "utf8").catch(() => "")).split("\n").length - 1;
		return lines;
	}
}
