import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startWithPlugins } from "./command-line.ts";
import { post } from "./https.ts";
import { startSleepingChecks } from "./sleeping-checks.ts";
import { temporaryDirectory } from "./temporary.ts";

/** Options of Node that make the program run this code on SIGUSR2. */
export const onSignal = (code: string) => [
	"--import",
	`data:text/javascript,${encodeURIComponent(
		`process.on("SIGUSR2", () => { ${code} })`,
	)}`,
];

/** Uncaught errors: the code that throws them, and their log lines. */
const unexpected = {
	"a rejected promise": [
		`Promise.reject(new Error("boom"))`,
		/Error: boom(\\n|\n) +at /,
	],
	"a rejection that is no error": [
		`Promise.reject("boom")`,
		/boom.*(\\n|\n) +at /,
	],
	"an exception in a timer": [
		`setTimeout(() => { throw new Error("boom") }, 1)`,
		/Error: boom(\\n|\n) +at Timeout/,
	],
	"an exception that is no error": [
		`setTimeout(() => { throw "boom" }, 1)`,
		/boom.*(\\n|\n) +at /,
	],
	"many at once": [
		`for (let n = 0; n < 9; n++) Promise.reject(new Error("boom"))`,
		/Error: boom(\\n|\n) +at /,
	],
	"nothing, thrown": [`Promise.reject()`, /undefined.*(\\n|\n) +at /],
} as const satisfies Record<string, readonly [string, RegExp]>;

export type Unexpected = keyof typeof unexpected;

export const allUnexpected = Object.keys(unexpected) as Unexpected[];

const sample = (timestamp: number) => ({
	hostname: "web01",
	timestamp,
	metrics: { "a.b": timestamp / 2 },
});

/** Throws the error in the agent, which must log it, end everything and lose nothing stored. */
export function testUnexpected(name: Unexpected) {
	const [code, logged] = unexpected[name];
	test(`${name}: logged with its stack, all is ended, exit status 1`, async (t) => {
		const directory = await temporaryDirectory(t);
		const dbfile = join(directory, "db");
		const flags = ["--dbfile", dbfile];
		const daemon = await startWithPlugins(t, flags, {
			directory,
			nodeFlags: onSignal(code),
		});
		const metric_data = [sample(1), sample(2)];
		assert.equal(
			(await post(daemon.port, "/metric/append", { metric_data })).status,
			200,
		);
		const checks = await startSleepingChecks(daemon);
		const began = Date.now();
		daemon.process.kill("SIGUSR2");
		const { code: status, signal, stdout, stderr } = await daemon.exited;
		assert.deepEqual({ status, signal }, { status: 1, signal: null });
		assert.ok(Date.now() - began < 8_000, `took ${Date.now() - began} ms`);
		const errors =
			stdout.match(/^.*\[error\] .*internal error, stopping.*$/gm) ?? [];
		assert.equal(errors.length, 1, stdout);
		assert.match(errors[0] ?? "", logged);
		assert.equal(stderr, "", "Node says nothing of its own");
		assert.deepEqual(await checks.answers, [503]);
		await checks.gone();
		// stored data is there, and no repair is needed
		const again = await startWithPlugins(t, flags, { directory });
		const { json } = await post(again.port, "/metric/peek", {});
		const peeked = json as { metric_data: unknown };
		assert.deepEqual(peeked.metric_data, metric_data);
		assert.equal((await again.stop()).code, 0);
		assert.doesNotMatch(again.stdout(), /repair|damage|recover|unavailable/i);
		// LevelDB's own log, begun at that start, shows no leftover journal
		const level = await readFile(join(dbfile, "LOG"), "utf8").catch(() => "");
		assert.doesNotMatch(level, /repair|corrupt/i);
	});
}
