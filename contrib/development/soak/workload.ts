import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { post, send } from "../../../test/support/https.ts";

/** The load of v1's test, within `minutes`. */
export const v1Test = {
	minutes: 45,
	checks: 10_000,
	pauseMilliseconds: 100,
	/** Processes a minute that print one metric each: 200 plus one. */
	metricPlugins: 201,
};

// each is one process, which prints the current time
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
		{ length: v1Test.metricPlugins },
		(_, number) =>
			`  - plugin_name: metrics_soak\n    plugin_option: "${number}"\n`,
	);
	const yaml = `metrics:\n- hostname: soak\n  plugins:\n${entries.join("")}`;
	await writeFile(join(directory, "metrics.yaml"), yaml);
	return { plugins };
}

/** Results of a run's checks. */
export interface Checks {
	planned: number;
	sent: number;
	/** Checks with another status than 200, another result than 0, or no answer. */
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

/** Sends the checks one after the other, each on a new connection. */
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
		await pause(v1Test.pauseMilliseconds, undefined, { signal }).catch(
			() => {},
		);
	}
}

/** The number of samples in the store. Changes nothing. */
export async function storedSamples(port: number): Promise<number> {
	const { json } = await post(port, "/metric/peek", { limit: 1000 });
	const { metric_data: samples } = json as { metric_data: unknown[] | null };
	return samples?.length ?? 0;
}
