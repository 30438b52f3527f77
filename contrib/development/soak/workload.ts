import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { post, send } from "../../../test/support/https.ts";

/** What the original's test put on its daemon, in `minutes`. */
export const original = {
	minutes: 45,
	checks: 10_000,
	pauseMilliseconds: 100,
	/** Processes a minute that print a metric each: 200 and one more. */
	metricPlugins: 201,
};

// one process each, which prints the time of the run
const metricPlugin = `#!/bin/sh
exec date "+soak.metric.$1%t$1%t%s"
`;

const checkPlugin = `#!/bin/sh
echo "SOAK OK"
`;

/** Writes the plugins and the `metrics.yaml` of a run. */
export async function writeWorkload(directory: string) {
	const plugins = join(directory, "plugins");
	await mkdir(plugins);
	const files = { metrics_soak: metricPlugin, check_soak: checkPlugin };
	for (const [name, text] of Object.entries(files)) {
		await writeFile(join(plugins, name), text);
		await chmod(join(plugins, name), 0o755);
	}
	const entries = Array.from(
		{ length: original.metricPlugins },
		(_, number) =>
			`  - plugin_name: metrics_soak\n    plugin_option: "${number}"\n`,
	);
	const yaml = `metrics:\n- hostname: soak\n  plugins:\n${entries.join("")}`;
	await writeFile(join(directory, "metrics.yaml"), yaml);
	return { plugins };
}

/** What the checks of a run came to. */
export interface Checks {
	planned: number;
	sent: number;
	/** Not 200, not 0, no answer at all. */
	failed: number;
	firstFailure?: string;
	/** From before the connection to the end of the answer, in milliseconds. */
	latencies: number[];
}

async function check(port: number, signal: AbortSignal) {
	const { status, text, json } = await send({
		port,
		method: "POST",
		path: "/monitor",
		headers: { "content-type": "application/json" },
		body: JSON.stringify({ plugin_name: "check_soak", plugin_option: "" }),
		signal: AbortSignal.any([signal, AbortSignal.timeout(30_000)]),
	});
	const { return_value: value } = (json ?? {}) as { return_value?: unknown };
	if (status !== 200 || value !== 0) throw new Error(`${status} ${text}`);
}

/** Sends the checks, one after the other, each on a connection of its own. */
export async function sendChecks(
	port: number,
	checks: Checks,
	signal: AbortSignal,
) {
	while (checks.sent < checks.planned && !signal.aborted) {
		const begun = performance.now();
		try {
			await check(port, signal);
			checks.latencies.push(performance.now() - begun);
		} catch (error) {
			if (signal.aborted) return;
			checks.failed++;
			checks.firstFailure ??= String(error);
		}
		checks.sent++;
		await pause(original.pauseMilliseconds, undefined, { signal }).catch(
			() => {},
		);
	}
}

/** How many samples the store holds; changes nothing. */
export async function storedSamples(port: number): Promise<number> {
	const { json } = await post(port, "/metric/peek", { limit: 1000 });
	const { metric_data: samples } = json as { metric_data: unknown[] | null };
	return samples?.length ?? 0;
}
