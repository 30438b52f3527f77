import { check } from "../requests.ts";
import type { Scenario } from "../scenario.ts";

/** Just under the largest body that the default settings take. */
const bodyBytes = 16 * 1_048_576 - 1024;

/** As many of the pieces as fit, between two ends. */
function filled(
	begin: string,
	piece: (number: number) => string,
	end: string,
): string {
	const parts: string[] = [begin];
	let length = begin.length + end.length;
	for (let number = 0; ; number++) {
		const next = `${number > 0 ? "," : ""}${piece(number)}`;
		length += next.length;
		if (length > bodyBytes - 200) break;
		parts.push(next);
	}
	parts.push(end);
	return parts.join("");
}

const nested = (open: string, inner: string, close: string) => {
	const depth = Math.floor(
		(bodyBytes - 200 - inner.length) / (open.length + close.length),
	);
	return open.repeat(depth) + inner + close.repeat(depth);
};

/** JSON values that cost more than their bytes. */
export const values: Readonly<Record<string, () => string>> = {
	"a million keys": () => filled("{", (number) => `"k${number}":0`, "}"),
	"empty arrays": () => filled("[", () => "[]", "]"),
	"empty objects": () => filled("[", () => "{}", "]"),
	"nested arrays": () => nested("[", "", "]"),
	"nested objects": () => nested('{"a":', "0", "}"),
	"a million plugins": () => filled("[", () => '{"Plugin_Name":"a"}', "]"),
	"one long name": () => `{"${"n".repeat(bodyBytes - 300)}":0}`,
	"one long text of escapes": () =>
		`"${"\\u00e9".repeat(Math.floor((bodyBytes - 300) / 6))}"`,
};

/** Where a value stands in the body of each operation. */
export const places: readonly (readonly [
	path: string,
	body: (value: string) => string,
])[] = [
	["/metric/config/update", (value) => `{"config":${value}}`],
	[
		"/metric/config/update",
		(value) => `{"config":{"Metrics":[{"Hostname":"web","Plugins":${value}}]}}`,
	],
	[
		"/metric/append",
		(value) =>
			`{"metric_data":[{"hostname":"web","timestamp":1,"metrics":${value}}]}`,
	],
	["/metric/append", (value) => `{"metric_data":${value}}`],
	[
		"/monitor",
		(value) => `{"plugin_name":"check_ok","plugin_option":${value}}`,
	],
	["/monitor", (value) => `{"x":${value},"plugin_name":"check_ok"}`],
	["/inventory", (value) => `{"command":"true","command_option":${value}}`],
	[
		"/proxy",
		(value) =>
			`{"request_type":"monitor","request_json":"{}","proxy_hostport":${value}}`,
	],
	["/metric", (value) => `{"apikey":${value}}`],
	["/metric/lease", (value) => `{"consumer":${value}}`],
	["/metric/ack", (value) => `{"batch_id":${value}}`],
	["/metric/release", (value) => `{"batch_id":${value}}`],
	["/metric/peek", (value) => `{"consumer":${value}}`],
];

const shaped = (name: string, value: () => string): Scenario => ({
	name: `bodies of 16 MiB with ${name}, every operation`,
	seconds: 30,
	async run(attack) {
		const text = value();
		for (const [path, body] of places) {
			if (attack.over.aborted) break;
			attack.step(`POST ${path}`);
			const bytes = Buffer.from(body(text));
			const ask = () => attack.ask({ path, body: bytes });
			await Promise.all(Array.from({ length: 4 }, ask));
		}
		return undefined;
	},
});

/** Samples as they may be, as many as the limits take. */
const appends: Scenario = {
	name: "appends of 15 MB of good samples, 8 at once",
	seconds: 15,
	async run(attack) {
		const metrics: Record<string, number> = {};
		for (let number = 0; number < 1000; number++)
			metrics[`append.of.metric.number${number}`] = number;
		const sample = (number: number) => ({
			...{ hostname: `web${number}`, timestamp: 1000 + number, metrics },
		});
		const body = JSON.stringify({
			metric_data: Array.from({ length: 350 }, (_, number) => sample(number)),
		});
		await Promise.all(
			Array.from({ length: 8 }, async () => {
				while (!attack.over.aborted)
					await attack.ask({ path: "/metric/append", body });
			}),
		);
		return undefined;
	},
};

/** A configuration that is accepted, and run a minute later. */
const plugins: Scenario = {
	name: "a configuration of 50,000 slow metric plugins, and its pass",
	seconds: 75,
	settleSeconds: 10,
	async run(attack) {
		const list = Array.from({ length: 50_000 }, () => ({
			Plugin_Name: "metrics_slow",
			Plugin_Option: "",
		}));
		await attack.ask({
			path: "/metric/config/update",
			body: { config: { Metrics: [{ Hostname: "web", Plugins: list }] } },
		});
		await attack.hold();
		return undefined;
	},
};

const options: Scenario = {
	name: "256 checks with options of 120 KB",
	async run(attack) {
		const body = check("check_ok", "x".repeat(120_000));
		const ask = () => attack.ask({ path: "/monitor", body });
		await Promise.all(Array.from({ length: 256 }, ask));
		return undefined;
	},
};

export const documentScenarios: readonly Scenario[] = [
	...Object.entries(values).map(([name, value]) => shaped(name, value)),
	appends,
	options,
	plugins,
];
